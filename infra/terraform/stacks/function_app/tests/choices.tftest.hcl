mock_provider "azurerm" {}
mock_provider "databricks" {}

mock_provider "azapi" {
  mock_resource "azapi_resource" {
    defaults = { output = { properties = { endpoint = "https://scheduler.example" } } }
  }
}

run "state_is_in_the_hosts_account_by_default" {
  command = plan

  variables {
    always_ready_durable = 1
  }

  assert {
    condition     = length(azapi_resource.scheduler) == 0 && length([for name in keys(local.app_settings) : name if strcontains(name, "storageProvider")]) == 0
    error_message = "The managed scheduler is there although nobody asked for it."
  }

  assert {
    condition     = azapi_resource.this.body.properties.functionAppConfig.scaleAndConcurrency.alwaysReady[0].name == "durable"
    error_message = "No instance is always there for orchestrations."
  }
}

run "or_in_the_managed_scheduler_by_identity" {
  command = apply

  variables {
    durable_backend = "task-scheduler"
  }

  assert {
    condition     = strcontains(local.app_settings.DURABLE_TASK_SCHEDULER, "Endpoint=https://scheduler.example;TaskHub=landfall;Authentication=ManagedIdentity;")
    error_message = "The app does not find the scheduler, or signs in otherwise than by identity."
  }

  assert {
    condition     = azurerm_role_assignment.scheduler[0].role_definition_name == "Durable Task Data Contributor"
    error_message = "The app may not use the scheduler."
  }
}

run "rows_are_shown_by_default" {
  command = plan

  assert {
    condition     = azurerm_role_assignment.this["lake"].role_definition_name == "Storage Blob Data Reader"
    error_message = "The app may not read the rows that its pages show, or may do more."
  }
}

run "or_never_seen_by_the_app" {
  command = plan

  variables {
    rows_in_console = false
  }

  assert {
    condition     = !contains(keys(azurerm_role_assignment.this), "lake")
    error_message = "The app may read tables although nobody is to see rows."
  }
}

run "a_secret_is_a_reference_into_the_vault" {
  command = plan

  variables {
    secret_settings = { LANDFALL_ALARM_WEBHOOK = "alarm-webhook" }
  }

  assert {
    condition     = local.app_settings.LANDFALL_ALARM_WEBHOOK == "@Microsoft.KeyVault(SecretUri=https://kv-landfall-devweulf01.vault.azure.net/secrets/alarm-webhook)"
    error_message = "The setting holds something else than a reference."
  }
}

run "another_setting_is_no_secret" {
  command = plan

  variables {
    secret_settings = { LANDFALL_DATABASE_URL = "url" }
  }

  expect_failures = [var.secret_settings]
}
