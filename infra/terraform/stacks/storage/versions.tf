terraform {
  required_version = "~> 1.11"

  required_providers {
    azapi = {
      source  = "azure/azapi"
      version = "~> 2.0"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.81"
    }
  }

  # Filled by -backend-config=../../env/<environment>.backend.hcl and key=storage.tfstate.
  backend "azurerm" {}
}
