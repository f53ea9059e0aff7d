# Sends logs and metrics of one resource to the workspace.

resource "azurerm_monitor_diagnostic_setting" "this" {
  name                           = "to-log-analytics"
  target_resource_id             = var.resource_id
  log_analytics_workspace_id     = var.workspace_id
  log_analytics_destination_type = var.own_tables ? "Dedicated" : null

  dynamic "enabled_log" {
    for_each = var.category_groups

    content {
      category_group = enabled_log.value
    }
  }

  dynamic "enabled_log" {
    for_each = var.categories

    content {
      category = enabled_log.value
    }
  }

  dynamic "enabled_metric" {
    for_each = var.metrics

    content {
      category = enabled_metric.value
    }
  }
}
