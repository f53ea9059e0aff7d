locals {
  location = var.deployment.location
  group    = azurerm_resource_group.this.name
}

resource "azurerm_resource_group" "this" {
  name     = module.names.resource_groups.storage
  location = local.location
  tags     = local.tags
}
