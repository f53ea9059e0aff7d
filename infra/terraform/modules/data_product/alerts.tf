# What the owner of a product is told by e-mail.

locals {
  # Names of resources take no underscore and have little room.
  key = substr(sha1(var.folder), 0, 8)

  log_alerts = {
    service-level = {
      description = "A service level of ${var.folder} is missed: `landfall slo` shows which, docs/runbook/index.md says what to do."
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.service_level.met" and tostring(Properties["landfall.product"]) == "${var.folder}"
        | summarize arg_max(TimeGenerated, Min) by level = tostring(Properties["landfall.service_level"])
        | where Min < 1
        | summarize found = count()
      KQL
    }
    run-failed = {
      description = "A run of ${var.folder} failed: `landfall runs` shows which, `landfall why run` why."
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.runs" and tostring(Properties["landfall.product"]) == "${var.folder}" and tostring(Properties["landfall.run.state"]) == "failed"
        | summarize found = sum(Sum)
      KQL
    }
  }
}

resource "azurerm_monitor_action_group" "owner" {
  name                = "${var.alerts.action_group}-${local.key}"
  resource_group_name = var.alerts.resource_group_name
  short_name          = "lf-${local.key}" # 12 characters at most
  tags                = var.alerts.tags

  email_receiver {
    name                    = "owner"
    email_address           = var.product.owner.email
    use_common_alert_schema = true
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "owner" {
  for_each = local.log_alerts

  name                = "sqr-landfall-${local.key}-${each.key}-${var.alerts.environment}"
  display_name        = "${var.folder}: ${each.key}"
  location            = var.alerts.location
  resource_group_name = var.alerts.resource_group_name
  tags                = var.alerts.tags
  description         = each.value.description
  severity            = 1
  scopes              = [var.alerts.workspace_id]

  evaluation_frequency = "PT5M"
  window_duration      = "PT15M"

  # The table appears with the first metric: before that the query cannot be checked.
  skip_query_validation = true

  criteria {
    query                   = each.value.query
    metric_measure_column   = "found"
    time_aggregation_method = "Total"
    operator                = "GreaterThan"
    threshold               = 0
  }

  action {
    action_groups = [azurerm_monitor_action_group.owner.id]
  }
}
