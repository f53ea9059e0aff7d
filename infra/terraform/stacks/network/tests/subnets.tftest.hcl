mock_provider "azurerm" {}

variables {
  address_space = "10.80.16.0/20"
}

run "subnets_lie_within_the_network_and_beside_one_another" {
  command = plan

  assert {
    condition     = azurerm_subnet.this["private_endpoints"].address_prefixes[0] == "10.80.16.0/24" && azurerm_subnet.this["databricks_container"].address_prefixes[0] == "10.80.19.0/24"
    error_message = "A subnet is not where it was: what is in it would have to move."
  }

  assert {
    condition     = length(distinct([for subnet in azurerm_subnet.this : subnet.address_prefixes[0]])) == length(local.subnets)
    error_message = "Two subnets have the same addresses."
  }
}

run "endpoints_take_nothing_from_the_internet" {
  command = plan

  assert {
    condition     = azurerm_network_security_rule.endpoints_nothing_else.access == "Deny" && alltrue([for rule in azurerm_network_security_rule.endpoints : rule.source_address_prefix == "VirtualNetwork"])
    error_message = "Others than the network reach private endpoints."
  }
}

run "a_smaller_network_is_refused" {
  command = plan

  variables {
    address_space = "10.80.16.0/24"
  }

  expect_failures = [var.address_space]
}
