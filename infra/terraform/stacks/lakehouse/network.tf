# Serverless compute runs in a network of Databricks: from there it reaches the lake, and the workspace's own storage,
# through private endpoints, and nothing else but what is named here.

data "azurerm_subscription" "this" {}

locals {
  # In the group that Databricks makes; the stack `databricks` names both.
  own_storage = "${data.azurerm_subscription.this.id}/resourceGroups/${local.names.databricks_managed}/providers/Microsoft.Storage/storageAccounts/${local.names.databricks_storage}"

  serverless_targets = {
    lake-blob      = { target = data.azurerm_storage_account.lake.id, subresource = "blob" }
    lake-dfs       = { target = data.azurerm_storage_account.lake.id, subresource = "dfs" }
    workspace-blob = { target = local.own_storage, subresource = "blob" }
    workspace-dfs  = { target = local.own_storage, subresource = "dfs" }
  }
}

resource "databricks_mws_network_connectivity_config" "this" {
  provider = databricks.account

  name   = "ncc-${module.names.tail}"
  region = local.location
}

resource "databricks_mws_ncc_private_endpoint_rule" "this" {
  provider = databricks.account
  for_each = local.serverless_targets

  network_connectivity_config_id = databricks_mws_network_connectivity_config.this.network_connectivity_config_id
  resource_id                    = each.value.target
  group_id                       = each.value.subresource
}

# Databricks asks for the endpoint; it leads nowhere until the owner of the account says yes, within 14 days.
module "approval" {
  source   = "../../modules/endpoint_approval"
  for_each = local.serverless_targets

  target_id     = each.value.target
  target_type   = "Microsoft.Storage/storageAccounts"
  api_version   = "2023-05-01"
  endpoint_name = databricks_mws_ncc_private_endpoint_rule.this[each.key].endpoint_name

  # What asks for approval is only there when the rule is.
  depends_on = [databricks_mws_ncc_private_endpoint_rule.this]
}

resource "databricks_mws_ncc_binding" "this" {
  provider = databricks.account

  network_connectivity_config_id = databricks_mws_network_connectivity_config.this.network_connectivity_config_id
  workspace_id                   = local.workspace_id
}

# External locations of the workspace are let through by themselves.
resource "databricks_account_network_policy" "this" {
  provider = databricks.account

  account_id        = var.account.id
  network_policy_id = "np-${module.names.tail}"

  egress = {
    network_access = {
      restriction_mode              = "RESTRICTED_ACCESS"
      allowed_internet_destinations = [for host in sort(var.serverless_hosts) : { destination = host, internet_destination_type = "DNS_NAME" }]
      policy_enforcement            = { enforcement_mode = "ENFORCED" }
    }
  }
}

resource "databricks_workspace_network_option" "this" {
  provider = databricks.account

  workspace_id      = local.workspace_id
  network_policy_id = databricks_account_network_policy.this.network_policy_id
}
