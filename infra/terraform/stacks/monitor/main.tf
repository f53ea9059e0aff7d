# Where all logs and metrics go, and who is told. First of all stacks: the others send their logs here.

resource "azurerm_log_analytics_workspace" "this" {
  name                = local.names.log_analytics
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags

  sku                          = "PerGB2018"
  retention_in_days            = var.retention_days
  daily_quota_gb               = var.daily_quota_gb
  local_authentication_enabled = false
  internet_ingestion_enabled   = false
  internet_query_enabled       = var.query_from_internet
}

# Audit tables are kept longer than they can be queried at full speed.
resource "azurerm_log_analytics_workspace_table" "audit" {
  for_each = toset(["AzureActivity", "AzureDiagnostics", "StorageBlobLogs"])

  workspace_id            = azurerm_log_analytics_workspace.this.id
  name                    = each.value
  total_retention_in_days = var.audit_retention_days
}

resource "azurerm_application_insights" "this" {
  name                = local.names.application_insights
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags

  application_type             = "web"
  workspace_id                 = azurerm_log_analytics_workspace.this.id
  local_authentication_enabled = false
  internet_ingestion_enabled   = false
  internet_query_enabled       = var.query_from_internet
}

# Its private endpoint stands in the stack `network`, which comes later.
resource "azurerm_monitor_private_link_scope" "this" {
  name                  = local.names.private_link_scope
  resource_group_name   = local.group
  tags                  = local.tags
  ingestion_access_mode = "PrivateOnly"
  query_access_mode     = var.query_from_internet ? "Open" : "PrivateOnly"
}

resource "azurerm_monitor_private_link_scoped_service" "this" {
  for_each = {
    workspace            = azurerm_log_analytics_workspace.this.id
    application-insights = azurerm_application_insights.this.id
  }

  name                = each.key
  resource_group_name = local.group
  scope_name          = azurerm_monitor_private_link_scope.this.name
  linked_resource_id  = each.value
}

module "workspace_audit" {
  source = "../../modules/diagnostics"

  workspace_id    = azurerm_log_analytics_workspace.this.id
  resource_id     = azurerm_log_analytics_workspace.this.id
  category_groups = ["audit"]
  metrics         = ["AllMetrics"]
}

resource "azurerm_monitor_action_group" "this" {
  name                = local.names.action_group
  resource_group_name = local.group
  short_name          = "landfall-${var.deployment.environment}" # 12 characters at most
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.key
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_management_lock" "this" {
  count = module.names.is_production ? 1 : 0

  name       = "keep"
  scope      = azurerm_log_analytics_workspace.this.id
  lock_level = "CanNotDelete"
  notes      = "Holds audit logs. Take the lock away by hand before you delete it on purpose."
}
