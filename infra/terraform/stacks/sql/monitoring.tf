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

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "sql"
  description         = "The metadata database is busy, full or refuses connections."
  resource_id         = azurerm_mssql_database.this.id
  namespace           = "Microsoft.Sql/servers/databases"
  action_group_id     = module.platform.action_group_id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    cpu         = { metric = "cpu_percent", aggregation = "Average", threshold = 90 }
    storage     = { metric = "storage_percent", aggregation = "Average", threshold = 90, severity = 1 }
    workers     = { metric = "workers_percent", aggregation = "Average", threshold = 80 }
    deadlocks   = { metric = "deadlock", threshold = 10, severity = 3 }
    connections = { metric = "connection_failed", threshold = 5 }
    firewall    = { metric = "blocked_by_firewall", threshold = 5 }
  }
}
