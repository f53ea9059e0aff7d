# Who talked to whom in the network: kept in an account of its own, since what writes there may write to all of it. Here
# and not in the stack `network`, which comes before there is an account.

data "azurerm_subscription" "this" {}

data "azurerm_virtual_network" "this" {
  name                = local.names.virtual_network
  resource_group_name = module.names.resource_groups.network
}

module "flow_logs" {
  source = "../../modules/storage_account"

  place            = module.platform.place
  workspace_id     = module.platform.workspace_id
  name             = local.names.flow_log_account
  is_lake          = false
  replication      = var.host_replication
  soft_delete_days = 7
  containers       = [local.containers.flow_logs]
  subresources     = ["blob"]
  is_locked        = module.names.is_production
}

resource "azurerm_user_assigned_identity" "flow_logs" {
  name                = local.names.flow_log_identity
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
}

resource "azurerm_role_assignment" "flow_logs" {
  scope                = module.flow_logs.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.flow_logs.principal_id
  principal_type       = "ServicePrincipal"
}

# By azapi: azurerm 4.81 gives a flow log no identity, and without one it asks for a shared key, of which there is none.
# Azure makes the watcher of a region with its first network.
resource "azapi_resource" "flow_log" {
  type      = "Microsoft.Network/networkWatchers/flowLogs@2024-05-01"
  name      = "fl-${local.names.virtual_network}"
  parent_id = "${data.azurerm_subscription.this.id}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_${local.location}"
  location  = local.location
  tags      = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.flow_logs.id]
  }

  body = {
    properties = {
      enabled          = true
      targetResourceId = data.azurerm_virtual_network.this.id
      storageId        = module.flow_logs.id
      format           = { type = "JSON", version = 2 }
      retentionPolicy  = { enabled = true, days = var.flow_log_days }
    }
  }

  depends_on = [azurerm_role_assignment.flow_logs]
}
