# Alerts on the metrics that Landfall itself emits (docs/telemetry.md), and on what people do to the subscription.

locals {
  log_alerts = {
    run-failed = {
      description = "A run of a product failed: `landfall runs` shows which, `landfall why run` why."
      severity    = 1
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.runs" and tostring(Properties["landfall.run.state"]) == "failed"
        | summarize failed = sum(Sum) by product = tostring(Properties["landfall.product"])
      KQL
      measure     = "failed"
      threshold   = 0
    }
    alarm-lasts = {
      description = "An alarm lasts: `landfall alarms` shows which, docs/runbook/index.md says what to do."
      severity    = 1
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.alarms"
        | summarize arg_max(TimeGenerated, Max) by product = tostring(Properties["landfall.alarm"])
        | summarize lasting = sum(Max) by product
      KQL
      measure     = "lasting"
      threshold   = 0
    }
    many-retries = {
      description = "Nodes are tried again and again: the workspace refuses jobs, or clusters do not start."
      severity    = 2
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.retries"
        | summarize retries = sum(Sum) by product = tostring(Properties["landfall.product"])
      KQL
      measure     = "retries"
      threshold   = 20
    }
    rows-refused = {
      description = "Rules refused many rows of a product: look into its quarantine."
      severity    = 3
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.rows.refused"
        | summarize refused = sum(Sum) by product = tostring(Properties["landfall.product"])
      KQL
      measure     = "refused"
      threshold   = var.refused_rows_threshold
    }
    slow-start = {
      description = "Landed files wait long for their run: the app is busy, asleep or without events."
      severity    = 2
      query       = <<-KQL
        AppMetrics
        | where Name == "landfall.start.latency"
        | summarize latency = max(Max) by product = tostring(Properties["landfall.product"])
      KQL
      measure     = "latency"
      threshold   = var.start_latency_threshold_s
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "landfall" {
  for_each = local.log_alerts

  name                = "sqr-landfall-${each.key}-${var.deployment.environment}"
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  description         = each.value.description
  severity            = each.value.severity
  scopes              = [azurerm_log_analytics_workspace.this.id]

  evaluation_frequency = "PT5M"
  window_duration      = "PT15M"

  # The table appears with the first metric: before that the query cannot be checked.
  skip_query_validation = true

  criteria {
    query                   = each.value.query
    metric_measure_column   = each.value.measure
    time_aggregation_method = "Total"
    operator                = "GreaterThan"
    threshold               = each.value.threshold

    dimension {
      name     = "product"
      operator = "Include"
      values   = ["*"]
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.this.id]
  }
}

data "azurerm_subscription" "this" {}

resource "azurerm_monitor_activity_log_alert" "this" {
  for_each = {
    role-assigned     = "Microsoft.Authorization/roleAssignments/write"
    policy-changed    = "Microsoft.Authorization/policyAssignments/write"
    policy-removed    = "Microsoft.Authorization/policyAssignments/delete"
    vault-deleted     = "Microsoft.KeyVault/vaults/delete"
    workspace-deleted = "Microsoft.OperationalInsights/workspaces/delete"
    sql-firewall      = "Microsoft.Sql/servers/firewallRules/write"
  }

  name                = "al-landfall-${each.key}-${var.deployment.environment}"
  location            = "global"
  resource_group_name = local.group
  tags                = local.tags
  scopes              = [data.azurerm_subscription.this.id]
  description         = "Somebody did ${each.value}."

  criteria {
    category       = "Administrative"
    operation_name = each.value
  }

  action {
    action_group_id = azurerm_monitor_action_group.this.id
  }
}
