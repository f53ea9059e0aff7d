mock_provider "azurerm" {}

# What asks for approval is only known when endpoints are there; the module has tests of its own.
mock_provider "azapi" {
  mock_data "azapi_resource" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Web/sites/app" }
  }
}

run "a_factory_is_only_published_to" {
  command = plan

  variables {
    git = null
  }

  assert {
    condition     = length(azurerm_data_factory.this.vsts_configuration) == 0
    error_message = "The factory has a repository although nobody edits in it."
  }

  assert {
    condition     = azurerm_data_factory_integration_runtime_azure.this.virtual_network_enabled && length(azurerm_data_factory_managed_private_endpoint.this) == 4
    error_message = "Copies run outside the managed network, or do not reach what they need."
  }
}

run "or_edited_in_git_without_publishing_past_it" {
  command = plan

  variables {
    git = { organisation = "example", project = "landfall", repository = "landfall", branch = "main" }
  }

  assert {
    condition     = azurerm_data_factory.this.vsts_configuration[0].root_folder == "/infra/adf" && !azurerm_data_factory.this.vsts_configuration[0].publishing_enabled
    error_message = "People edit elsewhere, or publish what nobody has reviewed."
  }
}
