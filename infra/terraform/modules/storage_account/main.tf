# A storage account that nobody reaches from outside or with a key, its private endpoints, and its logs.

resource "azurerm_storage_account" "this" {
  name                = var.name
  location            = var.place.location
  resource_group_name = var.place.resource_group_name
  tags                = var.place.tags

  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.replication
  is_hns_enabled           = var.is_lake

  public_network_access_enabled     = false
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  local_user_enabled                = false
  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  allowed_copy_scope                = "PrivateLink"
  infrastructure_encryption_enabled = true

  # With public access off these rules only say who passes beside private endpoints: Event Grid and the publishing
  # of function packages, which come as trusted services under their own identities.
  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
  }

  # No shared key can sign one; the limit stays for the day somebody turns keys on.
  sas_policy {
    expiration_period = "01.00:00:00"
    expiration_action = "Block"
  }

  blob_properties {
    # Not to be had with a hierarchical namespace: soft delete stands in for it there.
    versioning_enabled       = !var.is_lake
    last_access_time_enabled = false

    delete_retention_policy {
      days = var.soft_delete_days
    }

    container_delete_retention_policy {
      days = var.soft_delete_days
    }
  }
}

# By Resource Manager, not by the data plane: that works from outside the network and needs no data role.
resource "azurerm_storage_container" "this" {
  for_each = var.containers

  name                  = each.value
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_queue" "this" {
  for_each = var.queues

  name               = each.value
  storage_account_id = azurerm_storage_account.this.id
}

module "private_endpoint" {
  source   = "../private_endpoint"
  for_each = var.subresources

  place         = var.place
  resource_id   = azurerm_storage_account.this.id
  resource_name = var.name
  subresource   = each.value
}

module "account_metrics" {
  source = "../diagnostics"

  workspace_id = var.workspace_id
  resource_id  = azurerm_storage_account.this.id
  metrics      = ["Transaction", "Capacity"]
}

# The account itself has metrics only; each service beneath it has logs. Reads are left out: they cost most, and of a
# lake they tell least.
module "service_logs" {
  source   = "../diagnostics"
  for_each = { for subresource in setsubtract(var.subresources, ["dfs"]) : subresource => "${subresource}Services" }

  workspace_id = var.workspace_id
  resource_id  = "${azurerm_storage_account.this.id}/${each.value}/default"
  categories   = ["StorageWrite", "StorageDelete"]
}

resource "azurerm_management_lock" "this" {
  count = var.is_locked ? 1 : 0

  name       = "keep"
  scope      = azurerm_storage_account.this.id
  lock_level = "CanNotDelete"
  notes      = "Holds data. Take the lock away by hand before you delete it on purpose."
}
