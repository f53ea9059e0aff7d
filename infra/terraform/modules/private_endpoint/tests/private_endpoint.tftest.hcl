mock_provider "azurerm" {}

variables {
  resource_id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Databricks/workspaces/dbw"
  resource_name = "dbw"
  subresource   = "databricks_ui_api"

  place = {
    location            = "westeurope"
    resource_group_name = "rg"
    tags                = {}
    subnet_id           = "subnet"
    dns_zone_ids        = { databricks_ui_api = ["zone"] }
  }
}

run "an_endpoint_has_a_name_that_azure_takes_and_its_record" {
  command = plan

  assert {
    condition     = azurerm_private_endpoint.this.name == "pep-dbw-databricks-ui-api"
    error_message = "The name has an underscore."
  }

  assert {
    condition     = azurerm_private_endpoint.this.private_dns_zone_group[0].private_dns_zone_ids == tolist(["zone"]) && !azurerm_private_endpoint.this.private_service_connection[0].is_manual_connection
    error_message = "The endpoint is not found by name, or waits for somebody."
  }
}
