# Logs of what others make in the subscription. What Terraform makes has its settings from Terraform, and two writers would
# undo each other's work: Landfall's own groups are left out.

locals {
  log_types = ["dbforpostgresql-flexibleservers", "eventhub-namespaces", "keyvault-vaults", "network-publicipaddresses", "sql-servers-databases"]
}

resource "azurerm_subscription_policy_assignment" "logs" {
  name                 = "landfall-logs"
  display_name         = "Enable audit category group resource logging for supported resources to Log Analytics"
  subscription_id      = data.azurerm_subscription.this.id
  policy_definition_id = "/providers/Microsoft.Authorization/policySetDefinitions/f5b29bc4-feca-4cc6-a58a-772dd5e290a5"
  location             = var.deployment.location
  not_scopes           = [for group in local.own_groups : "${data.azurerm_subscription.this.id}/resourceGroups/${group}"]

  parameters = jsonencode({
    effect       = { value = var.deny ? "DeployIfNotExists" : "AuditIfNotExists" }
    logAnalytics = { value = data.azurerm_log_analytics_workspace.this.id }
  })

  # It mends by an identity of its own.
  identity {
    type = "SystemAssigned"
  }
}

# What the definitions ask for: to write the setting of a resource, and to name the workspace in it.
resource "azurerm_role_assignment" "logs" {
  for_each = toset(["Log Analytics Contributor", "Monitoring Contributor"])

  scope                = data.azurerm_subscription.this.id
  role_definition_name = each.value
  principal_id         = azurerm_subscription_policy_assignment.logs.identity[0].principal_id
  principal_type       = "ServicePrincipal"
}

# New resources get their setting when they are made; these tasks mend what was there before, one for each kind.
resource "azurerm_subscription_policy_remediation" "logs" {
  for_each = var.deny ? toset(local.log_types) : toset([])

  name                           = "landfall-logs-${each.value}"
  subscription_id                = data.azurerm_subscription.this.id
  policy_assignment_id           = azurerm_subscription_policy_assignment.logs.id
  policy_definition_reference_id = each.value

  depends_on = [azurerm_role_assignment.logs]
}
