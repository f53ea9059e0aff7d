# The network that everything is reached through: subnets, outbound access, and the names of private endpoints.

locals {
  join                = "Microsoft.Network/virtualNetworks/subnets/join/action"
  databricks_policies = ["Microsoft.Network/virtualNetworks/subnets/prepareNetworkPolicies/action", "Microsoft.Network/virtualNetworks/subnets/unprepareNetworkPolicies/action"]

  # newbits and index are those of cidrsubnet, within a /20: 16 networks /24, 64 networks /26.
  subnets = {
    private_endpoints    = { newbits = 4, index = 0, delegation = null }
    function_app         = { newbits = 6, index = 4, delegation = "Microsoft.App/environments" }
    agents               = { newbits = 6, index = 5, delegation = null }
    databricks_host      = { newbits = 4, index = 2, delegation = "Microsoft.Databricks/workspaces" }
    databricks_container = { newbits = 4, index = 3, delegation = "Microsoft.Databricks/workspaces" }
  }
}

resource "azurerm_virtual_network" "this" {
  name                = local.names.virtual_network
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  address_space       = [var.address_space]
}

resource "azurerm_subnet" "this" {
  for_each = local.subnets

  name                            = module.names.subnets[each.key]
  resource_group_name             = local.group
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [cidrsubnet(var.address_space, each.value.newbits, each.value.index)]
  default_outbound_access_enabled = false

  # Security rules bind private endpoints too.
  private_endpoint_network_policies = each.key == "private_endpoints" ? "Enabled" : "Disabled"

  dynamic "delegation" {
    for_each = each.value.delegation[*]

    content {
      name = "service"

      service_delegation {
        name    = delegation.value
        actions = concat([local.join], delegation.value == "Microsoft.Databricks/workspaces" ? local.databricks_policies : [])
      }
    }
  }
}

# --- Who may talk to whom ---

resource "azurerm_network_security_group" "this" {
  for_each = local.subnets

  name                = "nsg-${module.names.subnets[each.key]}"
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
}

# Databricks writes rules of its own into the groups of its two subnets; there these would get in its way.
resource "azurerm_network_security_rule" "refuse_internet" {
  for_each = { for key, subnet in local.subnets : key => subnet if subnet.delegation != "Microsoft.Databricks/workspaces" }

  name                        = "refuse-inbound-internet"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this[each.key].name
  priority                    = 4000
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "Internet"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_network_security_rule" "endpoints" {
  for_each = {
    https = { priority = 100, ports = ["443"] }
    # 11000 to 11999: where SQL redirects clients inside the network to.
    sql = { priority = 110, ports = ["1433", "11000-11999"] }
  }

  name                        = "allow-network-${each.key}"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this["private_endpoints"].name
  priority                    = each.value.priority
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = "VirtualNetwork"
  source_port_range           = "*"
  destination_address_prefix  = "VirtualNetwork"
  destination_port_ranges     = each.value.ports
}

resource "azurerm_network_security_rule" "endpoints_nothing_else" {
  name                        = "refuse-everything-else"
  resource_group_name         = local.group
  network_security_group_name = azurerm_network_security_group.this["private_endpoints"].name
  priority                    = 4090
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each = local.subnets

  subnet_id                 = azurerm_subnet.this[each.key].id
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

# --- The way out: clusters without public addresses, and agents, fetch packages through it ---

resource "azurerm_public_ip" "nat" {
  name                = local.names.nat_public_ip
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  sku                 = "Standard"
  allocation_method   = "Static"
}

resource "azurerm_nat_gateway" "this" {
  name                    = local.names.nat_gateway
  location                = local.location
  resource_group_name     = local.group
  tags                    = local.tags
  sku_name                = "Standard"
  idle_timeout_in_minutes = 10
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat.id
}

resource "azurerm_subnet_nat_gateway_association" "this" {
  for_each = toset(["function_app", "agents", "databricks_host", "databricks_container"])

  subnet_id      = azurerm_subnet.this[each.key].id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

# --- Names of private endpoints ---

resource "azurerm_private_dns_zone" "this" {
  for_each = toset(values(module.names.dns_zones))

  name                = each.value
  resource_group_name = local.group
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = azurerm_private_dns_zone.this

  name                  = "link-${azurerm_virtual_network.this.name}"
  resource_group_name   = local.group
  private_dns_zone_name = each.value.name
  virtual_network_id    = azurerm_virtual_network.this.id
  registration_enabled  = false
  tags                  = local.tags
}
