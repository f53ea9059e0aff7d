# The factory, its network and its roles. Pipelines, datasets and linked services are not made here: they come from Git,
# and two writers would undo each other's work.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["dataFactory", "portal"]
}

data "azurerm_client_config" "this" {}

data "azurerm_storage_account" "lake" {
  name                = local.names.lake_account
  resource_group_name = module.names.resource_groups.storage
}

data "azurerm_key_vault" "this" {
  name                = local.names.key_vault
  resource_group_name = module.names.resource_groups.key_vault
}

data "azapi_resource" "app" {
  type      = "Microsoft.Web/sites@2024-04-01"
  name      = local.names.function_app
  parent_id = "/subscriptions/${data.azurerm_client_config.this.subscription_id}/resourceGroups/${module.names.resource_groups.function_app}"
}

resource "azurerm_data_factory" "this" {
  name                            = local.names.data_factory
  location                        = local.location
  resource_group_name             = local.group
  tags                            = local.tags
  public_network_enabled          = false
  managed_virtual_network_enabled = true

  identity {
    type = "SystemAssigned"
  }

  # What pipelines read of their environment, so that nothing in Git differs between environments.
  dynamic "global_parameter" {
    for_each = {
      landfall_url      = "https://${local.names.function_app}.azurewebsites.net"
      landfall_audience = var.landfall_audience
    }

    content {
      name  = global_parameter.key
      type  = "String"
      value = global_parameter.value
    }
  }

  # Where people edit. The others are published to, and have no Git.
  dynamic "vsts_configuration" {
    for_each = var.git[*]

    content {
      tenant_id          = data.azurerm_client_config.this.tenant_id
      account_name       = vsts_configuration.value.organisation
      project_name       = vsts_configuration.value.project
      repository_name    = vsts_configuration.value.repository
      branch_name        = vsts_configuration.value.branch
      root_folder        = "/infra/adf"
      publishing_enabled = false
    }
  }
}

resource "azurerm_data_factory_integration_runtime_azure" "this" {
  name                    = "managed-network"
  data_factory_id         = azurerm_data_factory.this.id
  location                = local.location
  virtual_network_enabled = true
  time_to_live_min        = var.time_to_live_min
}

# What the managed network reaches. `app` is for the pipelines that ask for a copy plan and start runs.
locals {
  endpoints = {
    app       = { target = data.azapi_resource.app.id, type = "Microsoft.Web/sites", api = "2024-04-01", subresource = "sites" }
    lake-blob = { target = data.azurerm_storage_account.lake.id, type = "Microsoft.Storage/storageAccounts", api = "2023-05-01", subresource = "blob" }
    lake-dfs  = { target = data.azurerm_storage_account.lake.id, type = "Microsoft.Storage/storageAccounts", api = "2023-05-01", subresource = "dfs" }
    vault     = { target = data.azurerm_key_vault.this.id, type = "Microsoft.KeyVault/vaults", api = "2023-07-01", subresource = "vault" }
  }
}

resource "azurerm_data_factory_managed_private_endpoint" "this" {
  for_each = local.endpoints

  name               = each.key
  data_factory_id    = azurerm_data_factory.this.id
  target_resource_id = each.value.target
  subresource_name   = each.value.subresource

  lifecycle {
    ignore_changes = [fqdns]
  }
}

# An endpoint is made before anybody has allowed it, and leads nowhere until then.
module "approval" {
  source   = "../../modules/endpoint_approval"
  for_each = local.endpoints

  target_id     = each.value.target
  target_type   = each.value.type
  api_version   = each.value.api
  endpoint_name = "${local.names.data_factory}.${azurerm_data_factory_managed_private_endpoint.this[each.key].name}"

  # What asks for approval is only there when the endpoint is.
  depends_on = [azurerm_data_factory_managed_private_endpoint.this]
}

# It writes landed files, and reads passwords of sources. Everything else it asks Landfall for.
resource "azurerm_role_assignment" "this" {
  for_each = {
    landing = {
      role  = "Storage Blob Data Contributor"
      scope = "${data.azurerm_storage_account.lake.id}/blobServices/default/containers/${module.names.containers.landing}"
    }
    secrets = { role = "Key Vault Secrets User", scope = data.azurerm_key_vault.this.id }
  }

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_data_factory.this.identity[0].principal_id
  principal_type       = "ServicePrincipal"
}

module "private_endpoint" {
  source   = "../../modules/private_endpoint"
  for_each = toset(["dataFactory", "portal"])

  place         = module.platform.place
  resource_id   = azurerm_data_factory.this.id
  resource_name = local.names.data_factory
  subresource   = each.key
}

module "logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = azurerm_data_factory.this.id
  categories   = ["ActivityRuns", "PipelineRuns", "TriggerRuns"]
  metrics      = ["AllMetrics"]
  own_tables   = true
}

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "adf"
  description         = "What Data Factory was to copy has not landed."
  resource_id         = azurerm_data_factory.this.id
  namespace           = "Microsoft.DataFactory/factories"
  action_group_id     = module.platform.action_group_id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    pipelines-failed    = { metric = "PipelineFailedRuns", severity = 1 }
    triggers-failed     = { metric = "TriggerFailedRuns" }
    pipelines-cancelled = { metric = "PipelineCancelledRuns", severity = 3 }
  }
}
