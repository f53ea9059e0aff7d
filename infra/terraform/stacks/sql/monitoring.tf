# Auditing takes three together: the policy of the server, and diagnostic settings of `master` and of the database,
# which carry what the policy records.

resource "azurerm_mssql_server_extended_auditing_policy" "this" {
  server_id              = azurerm_mssql_server.this.id
  enabled                = true
  log_monitoring_enabled = true

  audit_actions_and_groups = [
    "SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP",
    "FAILED_DATABASE_AUTHENTICATION_GROUP",
    "DATABASE_PERMISSION_CHANGE_GROUP",
    "DATABASE_PRINCIPAL_CHANGE_GROUP",
    "DATABASE_ROLE_MEMBER_CHANGE_GROUP",
    "SCHEMA_OBJECT_CHANGE_GROUP",
  ]
}

resource "azurerm_mssql_server_security_alert_policy" "this" {
  server_name          = azurerm_mssql_server.this.name
  resource_group_name  = local.group
  state                = "Enabled"
  email_account_admins = true
}

module "audit_logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = "${azurerm_mssql_server.this.id}/databases/master"
  categories   = ["SQLSecurityAuditEvents", "DevOpsOperationsAudit"]
}

module "database_logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = azurerm_mssql_database.this.id
  categories   = ["SQLSecurityAuditEvents", "SQLInsights", "Errors", "Timeouts", "Blocks", "Deadlocks", "QueryStoreRuntimeStatistics", "QueryStoreWaitStatistics"]
  metrics      = ["Basic", "InstanceAndAppAdvanced", "WorkloadManagement"]
}

locals {
  metric_alerts = {
    cpu         = { metric = "cpu_percent", aggregation = "Average", operator = "GreaterThan", threshold = 90, severity = 2 }
    storage     = { metric = "storage_percent", aggregation = "Average", operator = "GreaterThan", threshold = 90, severity = 1 }
    workers     = { metric = "workers_percent", aggregation = "Average", operator = "GreaterThan", threshold = 80, severity = 2 }
    deadlocks   = { metric = "deadlock", aggregation = "Total", operator = "GreaterThan", threshold = 10, severity = 3 }
    connections = { metric = "connection_failed", aggregation = "Total", operator = "GreaterThan", threshold = 5, severity = 2 }
    firewall    = { metric = "blocked_by_firewall", aggregation = "Total", operator = "GreaterThan", threshold = 5, severity = 2 }
  }
}

resource "azurerm_monitor_metric_alert" "this" {
  for_each = local.metric_alerts

  name                = "ma-sql-${each.key}-${var.deployment.environment}"
  resource_group_name = local.group
  tags                = local.tags
  scopes              = [azurerm_mssql_database.this.id]
  description         = "The metadata database: ${each.value.metric}."
  severity            = each.value.severity
  frequency           = "PT5M"
  window_size         = "PT15M"

  criteria {
    metric_namespace = "Microsoft.Sql/servers/databases"
    metric_name      = each.value.metric
    aggregation      = each.value.aggregation
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = module.platform.action_group_id
  }
}
