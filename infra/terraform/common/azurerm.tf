# Linked into every stack.
# Who signs in, and to which subscription, stands in ARM_ variables: a pipeline sets them by workload identity federation.
provider "azurerm" {
  resource_provider_registrations = "none"
  storage_use_azuread             = true

  features {
    resource_group {
      prevent_deletion_if_contains_resources = true
    }

    storage {
      data_plane_available = false
    }
  }
}
