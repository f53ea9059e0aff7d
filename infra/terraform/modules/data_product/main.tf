# One data product in Unity Catalog: where its tables and its landed files are, who may do what with them.

locals {
  owners    = var.product.owner.team
  consumers = try(toset(var.product["x-consumers"]), toset([]))
  schema    = "${databricks_schema.this.catalog_name}.${databricks_schema.this.name}"
}

resource "databricks_schema" "this" {
  catalog_name = var.catalog
  name         = var.product.name
  comment      = try(var.product.description, "")

  properties = {
    owner = var.product.owner.email
    team  = local.owners
  }
}

resource "databricks_grants" "schema" {
  schema = local.schema

  grant {
    principal  = var.jobs_principal
    privileges = ["CREATE_TABLE", "MODIFY", "READ_VOLUME", "SELECT", "USE_SCHEMA"]
  }

  # Tables are written by runs alone; what its owners make of them are tables and views of their own.
  grant {
    principal  = local.owners
    privileges = ["CREATE_TABLE", "READ_VOLUME", "SELECT", "USE_SCHEMA"]
  }

  dynamic "grant" {
    for_each = setsubtract(local.consumers, [local.owners])

    content {
      principal  = grant.value
      privileges = ["SELECT", "USE_SCHEMA"]
    }
  }
}

# The folder that Landfall writes the product's tables into (landfall/addresses.py).
resource "databricks_external_location" "this" {
  name            = "${var.catalog}_${var.product.name}"
  url             = "${var.urls.lake}/${var.folder}"
  credential_name = var.credential_name
  comment         = "Tables of ${var.folder}."
  isolation_mode  = "ISOLATION_MODE_ISOLATED"
  skip_validation = true
}

resource "databricks_workspace_binding" "this" {
  securable_name = databricks_external_location.this.name
  securable_type = "external_location"
  workspace_id   = var.databricks_id
}

resource "databricks_grants" "location" {
  external_location = databricks_external_location.this.id

  grant {
    principal  = var.jobs_principal
    privileges = ["READ_FILES", "WRITE_FILES"]
  }

  # So that they can register a port as a table of the schema.
  grant {
    principal  = local.owners
    privileges = ["CREATE_EXTERNAL_TABLE", "READ_FILES"]
  }
}

# What has landed, for its owners to look at: /Volumes/<catalog>/<product>/landing.
resource "databricks_volume" "landing" {
  catalog_name     = databricks_schema.this.catalog_name
  schema_name      = databricks_schema.this.name
  name             = "landing"
  volume_type      = "EXTERNAL"
  storage_location = "${var.urls.landing}/${var.folder}/"
  comment          = "Landed files of ${var.folder}."
}
