# What the network itself reports, and the private way to Azure Monitor for everything in it.

data "azurerm_client_config" "this" {}

data "azurerm_log_analytics_workspace" "this" {
  name                = local.names.log_analytics
  resource_group_name = module.names.resource_groups.monitor
}

module "network_logs" {
  source = "../../modules/diagnostics"

  workspace_id    = data.azurerm_log_analytics_workspace.this.id
  resource_id     = azurerm_virtual_network.this.id
  category_groups = ["allLogs"]
  metrics         = ["AllMetrics"]
}

module "security_group_logs" {
  source   = "../../modules/diagnostics"
  for_each = local.subnets

  workspace_id    = data.azurerm_log_analytics_workspace.this.id
  resource_id     = azurerm_network_security_group.this[each.key].id
  category_groups = ["allLogs"]
}

module "public_ip_logs" {
  source = "../../modules/diagnostics"

  workspace_id    = data.azurerm_log_analytics_workspace.this.id
  resource_id     = azurerm_public_ip.nat.id
  category_groups = ["allLogs"]
  metrics         = ["AllMetrics"]
}

module "monitor_endpoint" {
  source = "../../modules/private_endpoint"

  place = {
    location            = local.location
    resource_group_name = local.group
    tags                = local.tags
    subnet_id           = azurerm_subnet.this["private_endpoints"].id

    # One endpoint answers for names in five zones.
    dns_zone_ids = {
      azuremonitor = [
        for kind in ["azuremonitor", "azuremonitor_oms", "azuremonitor_ods", "azuremonitor_auto", "blob"] :
        azurerm_private_dns_zone.this[module.names.dns_zones[kind]].id
      ]
    }
  }

  resource_id   = "/subscriptions/${data.azurerm_client_config.this.subscription_id}/resourceGroups/${module.names.resource_groups.monitor}/providers/Microsoft.Insights/privateLinkScopes/${local.names.private_link_scope}"
  resource_name = local.names.private_link_scope
  subresource   = "azuremonitor"
}

data "azurerm_monitor_action_group" "this" {
  name                = local.names.action_group
  resource_group_name = module.names.resource_groups.monitor
}

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "nat"
  description         = "Clusters and agents have trouble to get out: jobs fail to start or to fetch packages."
  resource_id         = azurerm_nat_gateway.this.id
  namespace           = "Microsoft.Network/natGateways"
  action_group_id     = data.azurerm_monitor_action_group.this.id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    unavailable  = { metric = "DatapathAvailability", aggregation = "Average", operator = "LessThan", threshold = 90, severity = 1 }
    packets-lost = { metric = "PacketDropCount", threshold = 1000, severity = 1 }
  }
}
