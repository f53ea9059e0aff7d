# One private endpoint with its record in the private DNS zone of its kind: neither is of use without the other.

locals {
  name = "pep-${var.resource_name}-${replace(var.subresource, "_", "-")}"
}

resource "azurerm_private_endpoint" "this" {
  name                          = local.name
  location                      = var.place.location
  resource_group_name           = var.place.resource_group_name
  subnet_id                     = var.place.subnet_id
  custom_network_interface_name = "nic-${local.name}"
  tags                          = var.place.tags

  private_service_connection {
    name                           = local.name
    is_manual_connection           = false
    private_connection_resource_id = var.resource_id
    subresource_names              = [var.subresource]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = var.place.dns_zone_ids[var.subresource]
  }
}
