# What lives in the workspace, beginning with how it reaches the lake. Apart from the stack `databricks`, since its
# provider signs in to the workspace which that one makes.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = []
}

data "azurerm_databricks_access_connector" "this" {
  name                = local.names.access_connector
  resource_group_name = module.names.resource_groups.databricks
}

data "azurerm_storage_account" "lake" {
  name                = local.names.lake_account
  resource_group_name = module.names.resource_groups.storage
}

data "azurerm_user_assigned_identity" "this" {
  for_each = { app = local.names.function_identity, jobs = local.names.jobs_identity }

  name                = each.value
  resource_group_name = module.names.resource_groups.identity
}

locals {
  containers   = module.names.containers
  workspace_id = tonumber(data.azurerm_databricks_workspace.this.workspace_id)
  app          = databricks_service_principal.this["app"].application_id
  jobs         = databricks_service_principal.this["jobs"].application_id
  urls         = { for key in ["landing", "lake", "control"] : key => "abfss://${local.containers[key]}@${local.names.lake_account}.dfs.core.windows.net" }
}

# Accounts made since the end of 2023 give a new workspace the region's metastore by themselves.
resource "databricks_metastore_assignment" "this" {
  provider = databricks.account
  count    = var.account.metastore_id == null ? 0 : 1

  metastore_id = var.account.metastore_id
  workspace_id = local.workspace_id
}

# --- Who works here ---

resource "databricks_service_principal" "this" {
  for_each = data.azurerm_user_assigned_identity.this

  application_id             = each.value.client_id
  display_name               = each.value.name
  workspace_access           = true
  allow_cluster_create       = false
  allow_instance_pool_create = false
  databricks_sql_access      = false
}

# Jobs run as their own identity. To save such a job, whoever applies has to be allowed to use it.
resource "databricks_access_control_rule_set" "jobs" {
  provider = databricks.account

  name = "accounts/${var.account.id}/servicePrincipals/${local.jobs}/ruleSets/default"

  grant_rules {
    principals = ["groups/${var.groups.deployers}"]
    role       = "roles/servicePrincipal.user"
  }
}

# --- The way to the lake ---

# Bound to this workspace: a catalog of production is not there in the workspace of development.
resource "databricks_storage_credential" "lake" {
  name           = "${module.names.catalog}_lake"
  comment        = "The access connector's identity; its roles stand in the stack databricks."
  isolation_mode = "ISOLATION_MODE_ISOLATED"

  azure_managed_identity {
    access_connector_id = data.azurerm_databricks_access_connector.this.id
  }

  depends_on = [databricks_metastore_assignment.this]
}

resource "databricks_workspace_binding" "credential" {
  securable_name = databricks_storage_credential.lake.name
  securable_type = "storage_credential"
  workspace_id   = local.workspace_id
}

locals {
  # Locations must not lie within one another. What a product's tables are in is the product's own: modules/data_product.
  locations = {
    landing    = { url = local.urls.landing, read_only = true, jobs = ["READ_FILES"] }
    control    = { url = local.urls.control, read_only = false, jobs = ["READ_FILES", "WRITE_FILES"] }
    quarantine = { url = "${local.urls.lake}/quarantine", read_only = false, jobs = ["READ_FILES", "WRITE_FILES"] }
    # Of tables and volumes that Unity Catalog keeps itself; no domain begins with an underscore.
    managed = { url = "${local.urls.lake}/_managed", read_only = false, jobs = [] }
  }
}

resource "databricks_external_location" "this" {
  for_each = local.locations

  name            = "${module.names.catalog}_${each.key}"
  url             = each.value.url
  credential_name = databricks_storage_credential.lake.name
  read_only       = each.value.read_only
  isolation_mode  = "ISOLATION_MODE_ISOLATED"

  # The check would read from wherever Terraform runs, before the roles and endpoints of the day hold.
  skip_validation = true
}

resource "databricks_workspace_binding" "location" {
  for_each = databricks_external_location.this

  securable_name = each.value.name
  securable_type = "external_location"
  workspace_id   = local.workspace_id
}

resource "databricks_grants" "location" {
  for_each = { for key, location in local.locations : key => location if length(location.jobs) > 0 }

  external_location = databricks_external_location.this[each.key].id

  grant {
    principal  = local.jobs
    privileges = each.value.jobs
  }
}
