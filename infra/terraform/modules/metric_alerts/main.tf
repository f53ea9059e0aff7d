# Tells the action group when metrics of one resource leave what is usual.

resource "azurerm_monitor_metric_alert" "this" {
  for_each = var.alerts

  name                = "ma-${var.what}-${each.key}-${var.environment}"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  scopes              = [var.resource_id]
  description         = "${var.description} (${each.value.metric})"
  severity            = each.value.severity
  frequency           = "PT5M"
  window_size         = var.window_size

  criteria {
    metric_namespace = var.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.aggregation
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = var.action_group_id
  }
}
