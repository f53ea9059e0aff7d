# What Azure itself refuses or reports, whoever asks: by Terraform, by hand or by another tool. Last of the stacks, so that
# a rule cannot stop what it is meant to protect from being made; an environment has a subscription of its own.

data "azurerm_subscription" "this" {}

data "azurerm_log_analytics_workspace" "this" {
  name                = local.names.log_analytics
  resource_group_name = module.names.resource_groups.monitor
}

data "azurerm_monitor_action_group" "this" {
  name                = local.names.action_group
  resource_group_name = module.names.resource_groups.monitor
}

locals {
  own_groups = concat(values(module.names.resource_groups), [local.names.databricks_managed])

  assignments = merge(
    { for key, rule in local.rules : key => merge(rule, { kind = "policyDefinitions" }) },
    { for key, rule in local.initiatives : key => merge(rule, { kind = "policySetDefinitions" }) },
  )
}

resource "azurerm_subscription_policy_assignment" "this" {
  for_each = { for key, rule in local.assignments : key => rule if !contains(var.switched_off, key) }

  name                 = "landfall-${each.key}"
  display_name         = each.value.display_name
  subscription_id      = data.azurerm_subscription.this.id
  policy_definition_id = "/providers/Microsoft.Authorization/${each.value.kind}/${each.value.id}"
  enforce              = true
  parameters           = length(each.value.parameters) == 0 ? null : jsonencode({ for name, value in each.value.parameters : name => { value = value } })

  # Databricks makes and owns what is in here, and breaks rules on storage and networks.
  not_scopes = ["${data.azurerm_subscription.this.id}/resourceGroups/${local.names.databricks_managed}"]

  non_compliance_message {
    content = "Landfall keeps everything private, signed in by identity and tagged: see infra/terraform/stacks/policy (${each.key})."
  }
}

# --- Defender: billed for the whole subscription, so it is asked for ---

resource "azurerm_security_center_subscription_pricing" "this" {
  for_each = var.defender ? local.defender_plans : {}

  tier          = "Standard"
  resource_type = each.key
  subplan       = each.value.subplan

  dynamic "extension" {
    for_each = each.value.extensions

    content {
      name                            = extension.key
      additional_extension_properties = length(extension.value) == 0 ? null : extension.value
    }
  }
}

# Who is told of what it finds.
resource "azurerm_security_center_contact" "this" {
  count = var.defender ? 1 : 0

  name                = "default"
  email               = var.deployment.owner
  alert_notifications = true
  alerts_to_admins    = true
}

# --- What it may cost ---

resource "azurerm_consumption_budget_subscription" "this" {
  name            = "landfall-${var.deployment.environment}"
  subscription_id = data.azurerm_subscription.this.id
  amount          = var.budget.amount
  time_grain      = "Monthly"

  time_period {
    start_date = var.budget.start_date
  }

  dynamic "notification" {
    for_each = { Actual = 90, Forecasted = 100 }

    content {
      enabled        = true
      operator       = "GreaterThan"
      threshold      = notification.value
      threshold_type = notification.key
      contact_groups = [data.azurerm_monitor_action_group.this.id]
    }
  }

  # Azure moves the start on with each month.
  lifecycle {
    ignore_changes = [time_period]
  }
}

# The activity log of the subscription: who did what to which resource.
module "activity_log" {
  source = "../../modules/diagnostics"

  workspace_id = data.azurerm_log_analytics_workspace.this.id
  resource_id  = data.azurerm_subscription.this.id
  categories   = ["Administrative", "Alert", "Policy", "Security", "ServiceHealth"]
}
