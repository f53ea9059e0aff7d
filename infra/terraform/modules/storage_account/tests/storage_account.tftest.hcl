mock_provider "azurerm" {}

variables {
  workspace_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"
  name             = "stlandfalltest"
  is_lake          = true
  replication      = "ZRS"
  soft_delete_days = 7
  containers       = ["landing"]
  subresources     = ["blob", "dfs"]
  is_locked        = true

  place = {
    location            = "westeurope"
    resource_group_name = "rg"
    tags                = {}
    subnet_id           = "subnet"
    dns_zone_ids        = { blob = ["blob-zone"], dfs = ["dfs-zone"] }
  }
}

run "a_lake_is_closed" {
  command = plan

  assert {
    condition     = !azurerm_storage_account.this.public_network_access_enabled && !azurerm_storage_account.this.shared_access_key_enabled && azurerm_storage_account.this.min_tls_version == "TLS1_2"
    error_message = "The account is reached from outside, with a key or with old encryption."
  }

  # Not to be had with a hierarchical namespace.
  assert {
    condition     = !azurerm_storage_account.this.blob_properties[0].versioning_enabled
    error_message = "A lake cannot have versions."
  }

  assert {
    condition     = length(azurerm_management_lock.this) == 1
    error_message = "What is to be locked is not."
  }
}

run "other_accounts_keep_versions" {
  command = plan

  variables {
    is_lake   = false
    is_locked = false
  }

  assert {
    condition     = azurerm_storage_account.this.blob_properties[0].versioning_enabled && length(azurerm_management_lock.this) == 0
    error_message = "Blobs have no versions, or a lock nobody asked for."
  }
}

run "a_name_that_azure_refuses_is_refused_here" {
  command = plan

  variables {
    name = "st-landfall"
  }

  expect_failures = [var.name]
}
