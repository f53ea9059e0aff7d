# Says yes, as owner of a resource, to a private endpoint that another service has asked for.

data "azapi_resource_list" "connections" {
  type                   = "${var.target_type}/privateEndpointConnections@${var.api_version}"
  parent_id              = var.target_id
  response_export_values = ["value"]
}

locals {
  asked_for = [
    for connection in try(data.azapi_resource_list.connections.output.value, []) : connection.id
    if endswith(lower(try(connection.properties.privateEndpoint.id, "")), lower("/${var.endpoint_name}"))
  ]
}

resource "azapi_update_resource" "this" {
  type        = "${var.target_type}/privateEndpointConnections@${var.api_version}"
  resource_id = one(local.asked_for)

  body = {
    properties = {
      privateLinkServiceConnectionState = {
        status      = "Approved"
        description = "Asked for and approved by the same Terraform."
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.asked_for) == 1
      error_message = "${var.target_id} lists no connection from ${var.endpoint_name} yet: it takes minutes to appear. Apply again."
    }
  }
}
