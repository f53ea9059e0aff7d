output "workspace_id" {
  value = data.azurerm_log_analytics_workspace.this.id
}

output "action_group_id" {
  value = data.azurerm_monitor_action_group.this.id
}

output "place" {
  description = "Where a private endpoint of the stack goes; input of the module `private_endpoint`."
  value = {
    location            = var.location
    resource_group_name = var.resource_group_name
    tags                = var.names.tags
    subnet_id           = data.azurerm_subnet.endpoints.id
    dns_zone_ids        = { for subresource, zone in data.azurerm_private_dns_zone.this : subresource => [zone.id] }
  }
}
