# Linked into every stack that makes resources of its own: the group that they are in.

locals {
  # The folder's name is the stack's.
  stack    = basename(abspath(path.root))
  location = var.deployment.location
  group    = azurerm_resource_group.this.name
}

resource "azurerm_resource_group" "this" {
  name     = module.names.resource_groups[local.stack]
  location = local.location
  tags     = local.tags
}
