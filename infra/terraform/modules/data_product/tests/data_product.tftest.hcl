mock_provider "azurerm" {}
mock_provider "databricks" {}

variables {
  folder          = "sales/orders"
  catalog         = "landfall_dev_sales"
  credential_name = "landfall_dev_lake"
  databricks_id   = 1
  jobs_principal  = "00000000-0000-0000-0000-000000000000"
  urls            = { landing = "abfss://landing@lake", lake = "abfss://lake@lake" }

  alerts = {
    location            = "westeurope"
    resource_group_name = "rg"
    tags                = {}
    workspace_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"
    environment         = "dev"
    action_group        = "ag"
  }

  product = {
    api_version = "landfall/v1"
    domain      = "sales"
    name        = "orders"
    owner       = { team = "sales-data", email = "sales-data@example.com" }
    x-consumers = ["analysts", "sales-data"]
  }
}

run "owners_and_consumers_get_what_they_need" {
  command = plan

  assert {
    condition     = { for grant in databricks_grants.schema.grant : grant.principal => contains(grant.privileges, "MODIFY") } == { "00000000-0000-0000-0000-000000000000" = true, analysts = false, sales-data = false }
    error_message = "Others than jobs may write tables, or an owner that consumes stands twice."
  }

  assert {
    condition     = databricks_volume.landing.storage_location == "abfss://landing@lake/sales/orders/" && databricks_external_location.this.url == "abfss://lake@lake/sales/orders"
    error_message = "The product is not where Landfall keeps it."
  }

  assert {
    condition     = length(azurerm_monitor_action_group.owner.short_name) <= 12
    error_message = "An action group's short name has at most 12 characters."
  }
}

run "another_folder_is_refused" {
  command = plan

  variables {
    folder = "sales/returns"
  }

  expect_failures = [var.product]
}

run "a_product_without_an_owner_is_refused" {
  command = plan

  variables {
    product = { api_version = "landfall/v1", domain = "sales", name = "orders", owner = { team = "sales-data" } }
  }

  expect_failures = [var.product]
}
