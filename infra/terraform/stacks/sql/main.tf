# The metadata database. Nobody signs in with a password: there is none.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["sqlServer"]
}

data "azurerm_client_config" "this" {}

resource "azurerm_mssql_server" "this" {
  name                = local.names.sql_server
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  version             = "12.0"

  minimum_tls_version                      = "1.2"
  public_network_access_enabled            = false
  outbound_network_restriction_enabled     = true
  connection_policy                        = "Default"
  express_vulnerability_assessment_enabled = true

  # A group, so that the pipeline and the people who break glass are members and nobody's leave is an outage. Entra-only
  # from the first apply on: a policy refuses a server that is made with a password and converted later.
  azuread_administrator {
    login_username              = var.administrators.name
    object_id                   = var.administrators.object_id
    tenant_id                   = data.azurerm_client_config.this.tenant_id
    azuread_authentication_only = true
  }
}

resource "azurerm_mssql_database" "this" {
  name      = local.names.sql_database
  server_id = azurerm_mssql_server.this.id
  tags      = local.tags

  sku_name                    = var.sku_name
  min_capacity                = startswith(var.sku_name, "GP_S_") ? var.min_capacity : null
  auto_pause_delay_in_minutes = startswith(var.sku_name, "GP_S_") ? var.auto_pause_delay_in_minutes : null
  max_size_gb                 = var.max_size_gb
  zone_redundant              = var.zone_redundant
  storage_account_type        = var.backup_redundancy

  transparent_data_encryption_enabled = true

  short_term_retention_policy {
    retention_days = var.backup_retention_days
  }

  long_term_retention_policy {
    weekly_retention  = var.long_term_backups.weekly
    monthly_retention = var.long_term_backups.monthly
  }

  lifecycle {
    prevent_destroy = true
  }
}

module "private_endpoint" {
  source = "../../modules/private_endpoint"

  place         = module.platform.place
  resource_id   = azurerm_mssql_server.this.id
  resource_name = local.names.sql_server
  subresource   = "sqlServer"
}

resource "azurerm_management_lock" "this" {
  count = module.names.is_production ? 1 : 0

  name       = "keep"
  scope      = azurerm_mssql_server.this.id
  lock_level = "CanNotDelete"
  notes      = "Holds the state of all runs. Take the lock away by hand before you delete it on purpose."
}
