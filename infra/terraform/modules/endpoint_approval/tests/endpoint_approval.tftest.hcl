mock_provider "azapi" {
  mock_data "azapi_resource_list" {
    defaults = {
      output = {
        value = [
          { id = "/lake/privateEndpointConnections/ours", properties = { privateEndpoint = { id = "/subscriptions/other/privateEndpoints/ADF.lake-dfs" } } },
          { id = "/lake/privateEndpointConnections/others", properties = { privateEndpoint = { id = "/subscriptions/other/privateEndpoints/stranger" } } },
          { id = "/lake/privateEndpointConnections/odd", properties = {} },
        ]
      }
    }
  }
}

variables {
  target_id     = "/lake"
  target_type   = "Microsoft.Storage/storageAccounts"
  api_version   = "2023-05-01"
  endpoint_name = "adf.lake-dfs"
}

run "only_what_was_asked_for_is_approved" {
  command = plan

  assert {
    condition     = azapi_update_resource.this.resource_id == "/lake/privateEndpointConnections/ours"
    error_message = "Another connection is approved."
  }

  assert {
    condition     = azapi_update_resource.this.body.properties.privateLinkServiceConnectionState.status == "Approved"
    error_message = "The connection stays as it is."
  }
}

run "nothing_is_approved_where_nobody_asked" {
  command = plan

  variables {
    endpoint_name = "adf.vault"
  }

  expect_failures = [azapi_update_resource.this]
}
