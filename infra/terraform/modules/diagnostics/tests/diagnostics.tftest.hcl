mock_provider "azurerm" {}

variables {
  workspace_id = "workspace"
  resource_id  = "resource"
}

run "groups_categories_and_metrics_are_told_apart" {
  command = plan

  variables {
    category_groups = ["audit"]
    categories      = ["FunctionAppLogs"]
    metrics         = ["AllMetrics"]
  }

  assert {
    condition     = length(azurerm_monitor_diagnostic_setting.this.enabled_log) == 2 && length(azurerm_monitor_diagnostic_setting.this.enabled_metric) == 1
    error_message = "A log or metric that was asked for is missing."
  }

  # Where a service has one way only, Azure answers null, and anything else differs in every plan.
  assert {
    condition     = azurerm_monitor_diagnostic_setting.this.log_analytics_destination_type == null
    error_message = "A kind of table is asked for although nobody said so."
  }
}

run "a_service_may_have_tables_of_its_own" {
  command = plan

  variables {
    categories = ["PipelineRuns"]
    own_tables = true
  }

  assert {
    condition     = azurerm_monitor_diagnostic_setting.this.log_analytics_destination_type == "Dedicated"
    error_message = "Logs go to the table that all services share."
  }
}
