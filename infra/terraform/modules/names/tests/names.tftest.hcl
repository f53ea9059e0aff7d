variables {
  deployment = {
    environment = "prd"
    location    = "swedencentral"
    suffix      = "lf01"
    domain      = "platform"
    owner       = "data-platform@example.com"
    cost_center = "cc-0000"
  }
}

run "names_fit_what_azure_takes" {
  command = plan

  assert {
    condition     = alltrue([for key in ["lake_account", "host_account", "databricks_storage"] : can(regex("^[a-z0-9]{3,24}$", output.names[key]))])
    error_message = "A storage account's name is longer than 24 characters, or holds others than letters and digits."
  }

  assert {
    condition     = length(output.names.key_vault) <= 24
    error_message = "The vault's name is longer than 24 characters."
  }

  assert {
    condition     = alltrue([for name in values(output.subnets) : !strcontains(name, "_")])
    error_message = "Flex Consumption refuses a subnet with an underscore."
  }
}

run "an_environment_that_is_none_is_refused" {
  command = plan

  variables {
    deployment = {
      environment = "acceptance"
      location    = "swedencentral"
      suffix      = "lf01"
      domain      = "platform"
      owner       = "data-platform@example.com"
      cost_center = "cc-0000"
    }
  }

  expect_failures = [var.deployment]
}
