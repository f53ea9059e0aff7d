# Every name and tag in one place. Stacks have separate states and do not read one another's: they find what another
# stack made by its name, so that no state file has to be readable beyond its own stack.

locals {
  workload = "landfall"

  # Three letters, since a storage account's name has room for 24 characters in all.
  regions = {
    francecentral      = "frc"
    germanywestcentral = "gwc"
    italynorth         = "itn"
    northeurope        = "neu"
    norwayeast         = "nwe"
    polandcentral      = "plc"
    spaincentral       = "spc"
    swedencentral      = "sdc"
    switzerlandnorth   = "szn"
    uksouth            = "uks"
    westeurope         = "weu"
  }

  environment = var.deployment.environment
  region      = local.regions[var.deployment.location]

  # Abbreviations of the Cloud Adoption Framework: <type>-<workload>-<environment>-<region>-<suffix>.
  tail    = "${local.environment}-${local.region}-${var.deployment.suffix}"
  compact = "${local.environment}${local.region}${var.deployment.suffix}"

  stacks = ["data-factory", "databricks", "function-app", "identity", "key-vault", "lakehouse", "monitor", "network", "sql", "storage"]
}
