mock_provider "azurerm" {}

run "nobody_puts_secrets_in_by_default" {
  command = plan

  assert {
    condition     = length(azurerm_role_assignment.secret_officers) == 0
    error_message = "Somebody has a role that nobody gave."
  }

  assert {
    condition     = azurerm_key_vault.this.purge_protection_enabled && azurerm_key_vault.this.rbac_authorization_enabled && !azurerm_key_vault.this.public_network_access_enabled
    error_message = "Secrets can be purged, or are reached by access policies or from outside."
  }
}

run "owners_of_sources_do_by_their_groups" {
  command = plan

  variables {
    secret_officers = { fleet = "00000000-0000-0000-0000-000000000000" }
  }

  assert {
    condition     = azurerm_role_assignment.secret_officers["fleet"].role_definition_name == "Key Vault Secrets Officer" && azurerm_role_assignment.secret_officers["fleet"].principal_type == "Group"
    error_message = "The group may not put secrets in, or may do more."
  }
}
