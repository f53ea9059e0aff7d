mock_provider "azurerm" {}
mock_provider "azapi" {}

run "landed_files_can_be_changed_by_default" {
  command = plan

  assert {
    condition     = length(azurerm_storage_container_immutability_policy.landing) == 0
    error_message = "Landed files cannot be changed although nobody asked for it."
  }
}

run "or_are_kept_as_they_came" {
  command = plan

  variables {
    landing_immutable_days = 30
  }

  assert {
    condition     = azurerm_storage_container_immutability_policy.landing[0].immutability_period_in_days == 30
    error_message = "Landed files can be changed."
  }
}

run "deleted_files_are_kept_for_a_week_at_least" {
  command = plan

  variables {
    soft_delete_days = 1
  }

  expect_failures = [var.soft_delete_days]
}
