# What the stacks `monitor` and `network` made, found by name: every later stack builds on it.

data "azurerm_log_analytics_workspace" "this" {
  name                = var.names.names.log_analytics
  resource_group_name = var.names.resource_groups.monitor
}

data "azurerm_monitor_action_group" "this" {
  name                = var.names.names.action_group
  resource_group_name = var.names.resource_groups.monitor
}

data "azurerm_subnet" "endpoints" {
  name                 = var.names.subnets.private_endpoints
  virtual_network_name = var.names.names.virtual_network
  resource_group_name  = var.names.resource_groups.network
}

data "azurerm_private_dns_zone" "this" {
  for_each = { for subresource in var.subresources : subresource => var.names.dns_zones[subresource] }

  name                = each.value
  resource_group_name = var.names.resource_groups.network
}
