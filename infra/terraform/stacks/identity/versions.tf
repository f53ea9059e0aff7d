terraform {
  required_version = "~> 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.81"
    }
  }

  # Filled by -backend-config=../../env/<environment>.backend.hcl and key=identity.tfstate.
  backend "azurerm" {}
}
