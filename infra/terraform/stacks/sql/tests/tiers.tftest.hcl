mock_provider "azurerm" {}

run "serverless_keeps_cores_and_may_pause" {
  command = plan

  variables {
    sku_name                    = "GP_S_Gen5_2"
    auto_pause_delay_in_minutes = 60
  }

  assert {
    condition     = azurerm_mssql_database.this.min_capacity == 0.5 && azurerm_mssql_database.this.auto_pause_delay_in_minutes == 60
    error_message = "The serverless database was not told what to keep and when to pause."
  }
}

run "what_is_always_there_takes_no_settings_of_serverless" {
  command = plan

  variables {
    sku_name = "GP_Gen5_4"
  }

  assert {
    condition     = azurerm_mssql_database.this.min_capacity == null && azurerm_mssql_database.this.auto_pause_delay_in_minutes == null
    error_message = "Azure refuses min_capacity and auto_pause_delay of a database that is no serverless one."
  }
}

run "the_server_has_no_password_and_audits" {
  command = plan

  assert {
    condition     = azurerm_mssql_server.this.azuread_administrator[0].azuread_authentication_only && azurerm_mssql_server.this.administrator_login == null
    error_message = "Somebody signs in with a password."
  }

  assert {
    condition     = azurerm_mssql_server_extended_auditing_policy.this.log_monitoring_enabled && azurerm_mssql_server_security_alert_policy.this.state == "Enabled"
    error_message = "Nothing records who did what."
  }
}

run "an_administrator_is_a_group_with_an_id" {
  command = plan

  variables {
    administrators = { name = "sg", object_id = "sg" }
  }

  expect_failures = [var.administrators]
}

run "backups_have_limits_of_azure" {
  command = plan

  variables {
    backup_redundancy     = "Everywhere"
    backup_retention_days = 36
  }

  expect_failures = [var.backup_redundancy, var.backup_retention_days]
}
