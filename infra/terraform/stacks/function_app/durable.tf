# The Durable Task Scheduler, where it is asked for instead of the host's account. By azapi: azurerm 4.81 does not know it.

locals {
  uses_scheduler = var.durable_backend == "task-scheduler"
  task_hub       = "landfall"

  # These win over host.json.
  scheduler_settings = local.uses_scheduler ? {
    AzureFunctionsJobHost__extensions__durableTask__hubName                               = local.task_hub
    AzureFunctionsJobHost__extensions__durableTask__storageProvider__type                 = "azureManaged"
    AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName = "DURABLE_TASK_SCHEDULER"
    DURABLE_TASK_SCHEDULER                                                                = "Endpoint=${azapi_resource.scheduler[0].output.properties.endpoint};TaskHub=${local.task_hub};Authentication=ManagedIdentity;ClientID=${data.azurerm_user_assigned_identity.this.client_id}"
  } : {}
}

data "azurerm_public_ip" "nat" {
  count = local.uses_scheduler ? 1 : 0

  name                = local.names.nat_public_ip
  resource_group_name = module.names.resource_groups.network
}

resource "azapi_resource" "scheduler" {
  count = local.uses_scheduler ? 1 : 0

  type      = "Microsoft.DurableTask/schedulers@2025-11-01"
  name      = local.names.task_scheduler
  parent_id = azurerm_resource_group.this.id
  location  = local.location
  tags      = local.tags

  body = {
    properties = {
      sku         = { name = "Consumption" }
      ipAllowlist = [data.azurerm_public_ip.nat[0].ip_address]
    }
  }

  response_export_values = ["properties.endpoint"]
}

resource "azapi_resource" "task_hub" {
  count = local.uses_scheduler ? 1 : 0

  type      = "Microsoft.DurableTask/schedulers/taskHubs@2025-11-01"
  name      = local.task_hub
  parent_id = azapi_resource.scheduler[0].id
  body      = { properties = {} }
}

resource "azurerm_role_assignment" "scheduler" {
  count = local.uses_scheduler ? 1 : 0

  scope                = azapi_resource.scheduler[0].id
  role_definition_name = "Durable Task Data Contributor"
  principal_id         = data.azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}
