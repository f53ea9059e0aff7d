mock_provider "azurerm" {}

run "people_outside_the_network_ask_only_where_they_may" {
  command = plan

  variables {
    query_from_internet = false
  }

  assert {
    condition     = azurerm_monitor_private_link_scope.this.query_access_mode == "PrivateOnly" && azurerm_monitor_private_link_scope.this.ingestion_access_mode == "PrivateOnly"
    error_message = "Logs are read or written past the private endpoint."
  }

  assert {
    condition     = length(azurerm_monitor_private_link_scoped_service.this) == 2
    error_message = "Workspace or Application Insights is not in the private link scope."
  }
}

run "audits_are_kept_a_year_and_somebody_is_told" {
  command = plan

  variables {
    retention_days       = 10
    audit_retention_days = 90
    alert_emails         = {}
  }

  expect_failures = [var.retention_days, var.audit_retention_days, var.alert_emails]
}
