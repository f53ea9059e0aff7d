# Two accounts: the lake, and beside it one for the function host, which holds the queue that events wait in. Apart,
# since the host rewrites blobs all the time, which neither a lake's soft delete nor its logs are made for.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["blob", "dfs", "queue", "table"]
}

locals {
  containers = module.names.containers
}

module "lake" {
  source = "../../modules/storage_account"

  place            = module.platform.place
  workspace_id     = module.platform.workspace_id
  name             = local.names.lake_account
  is_lake          = true
  replication      = var.lake_replication
  soft_delete_days = var.soft_delete_days
  containers       = [local.containers.landing, local.containers.lake, local.containers.control]
  subresources     = ["blob", "dfs"]
  is_locked        = module.names.is_production
}

module "host" {
  source = "../../modules/storage_account"

  place            = module.platform.place
  workspace_id     = module.platform.workspace_id
  name             = local.names.host_account
  is_lake          = false
  replication      = var.host_replication
  soft_delete_days = 7
  containers       = [local.containers.packages, local.containers.dead_letters]
  queues           = [local.containers.events_queue, local.containers.poison_queue]
  subresources     = ["blob", "queue", "table"]
  is_locked        = module.names.is_production
}

# Landed files age. Tables do not: what a Delta table still needs only the table knows, so nothing in `lake` is deleted
# by age.
resource "azurerm_storage_management_policy" "lake" {
  storage_account_id = module.lake.id

  rule {
    name    = "age-landed-files"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["${local.containers.landing}/"]
    }

    actions {
      base_blob {
        tier_to_cool_after_days_since_modification_greater_than = var.landing_cool_after_days
        delete_after_days_since_modification_greater_than       = var.landing_delete_after_days
      }
    }
  }

  rule {
    name    = "delete-node-specs-and-results"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["${local.containers.control}/"]
    }

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.control_delete_after_days
      }
    }
  }
}

resource "azurerm_storage_container_immutability_policy" "landing" {
  count = var.landing_immutable_days == null ? 0 : 1

  storage_container_resource_manager_id = module.lake.container_scopes[local.containers.landing]
  immutability_period_in_days           = var.landing_immutable_days
  protected_append_writes_all_enabled   = false
  locked                                = false

  # Otherwise the account may still be without the container that the scope names.
  depends_on = [module.lake]
}
