# A catalog for the platform and one for each domain; a schema for each product, by modules/data_product. Products are
# those that the product files describe: there is no second list.

locals {
  folder   = "${path.root}/../../../../data_products"
  products = { for path in fileset(local.folder, "*/*/product.yml") : dirname(path) => yamldecode(file("${local.folder}/${path}")) }
  domains  = toset([for key in keys(local.products) : dirname(key)])

  catalogs = merge(
    { platform = module.names.catalog },
    { for domain in local.domains : "domain/${domain}" => "${module.names.catalog}_${domain}" },
  )
}

resource "databricks_catalog" "this" {
  for_each = local.catalogs

  name           = each.value
  comment        = each.key == "platform" ? "What jobs run." : "Data products of the domain ${basename(each.key)}."
  storage_root   = "${databricks_external_location.this["managed"].url}/${each.value}"
  isolation_mode = "ISOLATED"
  force_destroy  = false
}

resource "databricks_workspace_binding" "catalog" {
  for_each = databricks_catalog.this

  securable_name = each.value.name
  securable_type = "catalog"
  workspace_id   = local.workspace_id
}

# The right to look for something in a catalog; what may be seen there the grants of each schema say.
resource "databricks_grants" "catalog" {
  for_each = local.catalogs

  catalog = databricks_catalog.this[each.key].name

  dynamic "grant" {
    for_each = toset(concat([local.jobs], flatten([
      for key, product in local.products : [product.owner.team, try(tolist(product["x-consumers"]), [])] if "domain/${dirname(key)}" == each.key
    ])))

    content {
      principal  = grant.value
      privileges = ["USE_CATALOG"]
    }
  }
}

module "data_product" {
  source   = "../../modules/data_product"
  for_each = local.products

  folder          = each.key
  product         = each.value
  catalog         = databricks_catalog.this["domain/${dirname(each.key)}"].name
  credential_name = databricks_storage_credential.lake.name
  databricks_id   = local.workspace_id
  jobs_principal  = local.jobs
  urls            = local.urls

  alerts = {
    location            = local.location
    resource_group_name = local.group
    tags                = local.tags
    workspace_id        = module.platform.workspace_id
    environment         = var.deployment.environment
    action_group        = local.names.action_group
  }

  # Its volume lies in the location of `landing`.
  depends_on = [databricks_external_location.this]
}
