# The workspace, inside the network and without public addresses, and the identity by which Unity Catalog reaches the
# lake. What lives in the workspace (catalogs, policies, jobs) is not here: it needs a workspace that exists.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["blob", "browser_authentication", "databricks_ui_api", "dfs"]
}

data "azurerm_subscription" "this" {}

data "azurerm_virtual_network" "this" {
  name                = local.names.virtual_network
  resource_group_name = module.names.resource_groups.network
}

data "azurerm_subnet" "this" {
  for_each = toset(["databricks_host", "databricks_container"])

  name                 = module.names.subnets[each.key]
  virtual_network_name = local.names.virtual_network
  resource_group_name  = module.names.resource_groups.network
}

data "azurerm_storage_account" "lake" {
  name                = local.names.lake_account
  resource_group_name = module.names.resource_groups.storage
}

resource "azurerm_databricks_access_connector" "this" {
  name                = local.names.access_connector
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags

  identity {
    type = "SystemAssigned"
  }
}

# Data is read from `landing`; specs are read from and results written to `control`; tables are in `lake`.
resource "azurerm_role_assignment" "lake" {
  for_each = {
    landing = "Storage Blob Data Reader"
    lake    = "Storage Blob Data Contributor"
    control = "Storage Blob Data Contributor"
  }

  scope                = "${data.azurerm_storage_account.lake.id}/blobServices/default/containers/${module.names.containers[each.key]}"
  role_definition_name = each.value
  principal_id         = azurerm_databricks_access_connector.this.identity[0].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_databricks_workspace" "this" {
  name                        = local.names.databricks
  location                    = local.location
  resource_group_name         = local.group
  managed_resource_group_name = local.names.databricks_managed
  tags                        = local.tags
  sku                         = "premium"

  public_network_access_enabled         = false
  network_security_group_rules_required = "NoAzureDatabricksRules"
  infrastructure_encryption_enabled     = true
  default_storage_firewall_enabled      = true
  access_connector_id                   = azurerm_databricks_access_connector.this.id

  custom_parameters {
    no_public_ip         = true
    storage_account_name = local.names.databricks_storage
    virtual_network_id   = data.azurerm_virtual_network.this.id
    public_subnet_name   = module.names.subnets.databricks_host
    private_subnet_name  = module.names.subnets.databricks_container

    # An association has the id of its subnet; the stack `network` makes both before this one runs.
    public_subnet_network_security_group_association_id  = data.azurerm_subnet.this["databricks_host"].id
    private_subnet_network_security_group_association_id = data.azurerm_subnet.this["databricks_container"].id
  }

  enhanced_security_compliance {
    automatic_cluster_update_enabled      = true
    enhanced_security_monitoring_enabled  = true
    compliance_security_profile_enabled   = false
    compliance_security_profile_standards = []
  }
}

# The second is for people who sign in: without public access their browser comes back to an address of its own, of
# which a region and a DNS zone have one.
module "private_endpoint" {
  source   = "../../modules/private_endpoint"
  for_each = toset(["browser_authentication", "databricks_ui_api"])

  place         = module.platform.place
  resource_id   = azurerm_databricks_workspace.this.id
  resource_name = local.names.databricks
  subresource   = each.key
}

# The workspace's own storage is closed too: clusters reach it as they reach the lake. Serverless compute has endpoints of
# its own, in the stack `lakehouse`.
module "storage_endpoint" {
  source   = "../../modules/private_endpoint"
  for_each = toset(["blob", "dfs"])

  place         = module.platform.place
  resource_id   = "${data.azurerm_subscription.this.id}/resourceGroups/${local.names.databricks_managed}/providers/Microsoft.Storage/storageAccounts/${local.names.databricks_storage}"
  resource_name = local.names.databricks_storage
  subresource   = each.key

  # It comes with the workspace.
  depends_on = [azurerm_databricks_workspace.this]
}

# `allLogs` would be dear: these tell who did what.
module "logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = azurerm_databricks_workspace.this.id
  categories   = ["accounts", "clusters", "gitCredentials", "jobs", "repos", "secrets", "sqlPermissions", "unityCatalog", "workspace"]
}

resource "azurerm_management_lock" "this" {
  count = module.names.is_production ? 1 : 0

  name       = "keep"
  scope      = azurerm_databricks_workspace.this.id
  lock_level = "CanNotDelete"
  notes      = "Take the lock away by hand before you delete the workspace on purpose."
}
