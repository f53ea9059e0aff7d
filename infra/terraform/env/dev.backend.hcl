# The account is made once, by hand or by script: see docs/deploy.md. No key: whoever runs Terraform signs in with Entra.
resource_group_name  = "rg-landfall-state-dev"
storage_account_name = "stlandfallstatedevlf01"
container_name       = "tfstate"
use_azuread_auth     = true
