mock_provider "azurerm" {
  mock_data "azurerm_databricks_workspace" {
    defaults = { workspace_id = "2002" }
  }
}

mock_provider "azapi" {}
mock_provider "databricks" {}

mock_provider "databricks" {
  alias = "account"
}

run "each_compute_profile_has_its_saved_job" {
  command = plan

  variables {
    compute_profiles = {
      default = {}
      large   = { performance_target = "STANDARD", timeout_s = 7200, packages = ["h3==4.1.0"] }
    }
  }

  assert {
    condition     = databricks_job.this["large"].timeout_seconds == 7200 && databricks_job.this["default"].performance_target == "PERFORMANCE_OPTIMIZED"
    error_message = "A saved job is not what its profile says."
  }

  assert {
    condition     = alltrue([for key in ["default", "large"] : contains(keys(databricks_permissions.job), key)])
    error_message = "The app may not start a saved job."
  }
}

run "the_default_profile_is_there_and_targets_are_known" {
  command = plan

  variables {
    compute_profiles = { large = { performance_target = "FAST" } }
  }

  expect_failures = [var.compute_profiles]
}
