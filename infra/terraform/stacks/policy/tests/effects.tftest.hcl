mock_provider "azurerm" {}

run "an_environment_may_only_report" {
  command = plan

  variables {
    deny     = false
    defender = false
  }

  assert {
    condition     = jsondecode(azurerm_subscription_policy_assignment.this["storage-public"].parameters).effect.value == "Audit"
    error_message = "Something is refused where it should be reported."
  }

  assert {
    condition     = length(azurerm_subscription_policy_remediation.logs) == 0 && jsondecode(azurerm_subscription_policy_assignment.logs.parameters).effect.value == "AuditIfNotExists"
    error_message = "Something is mended where it should be reported."
  }

  assert {
    condition     = length(azurerm_security_center_subscription_pricing.this) == 0 && length(azurerm_security_center_contact.this) == 0
    error_message = "Defender is bought although nobody asked for it."
  }
}

run "or_refuse_and_mend" {
  command = plan

  variables {
    deny     = true
    defender = true
  }

  assert {
    condition     = alltrue([for key in ["storage-public", "sql-entra-only", "functions-public", "subnets-private"] : jsondecode(azurerm_subscription_policy_assignment.this[key].parameters).effect.value == "Deny"])
    error_message = "What breaks a rule is not refused."
  }

  assert {
    condition     = length(azurerm_subscription_policy_remediation.logs) == length(local.log_types) && azurerm_subscription_policy_assignment.logs.identity[0].type == "SystemAssigned" && length(azurerm_role_assignment.logs) == 2
    error_message = "Missing logs are not mended, or nobody may."
  }

  assert {
    condition     = length(azurerm_security_center_subscription_pricing.this["StorageAccounts"].extension) == 2
    error_message = "Landed files are not scanned: an extension that is not listed is switched off."
  }
}

run "a_rule_can_be_switched_off_by_its_key" {
  command = plan

  variables {
    switched_off = ["databricks-premium"]
  }

  assert {
    condition     = !contains(keys(azurerm_subscription_policy_assignment.this), "databricks-premium") && contains(keys(azurerm_subscription_policy_assignment.this), "databricks-public")
    error_message = "The rule is still assigned, or others are not."
  }
}
