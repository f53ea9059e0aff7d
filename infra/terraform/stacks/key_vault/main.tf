# A vault for what has no identity: passwords of source systems. Terraform makes the vault and never a secret in it, so
# that no state holds one; the owners of the sources put them in.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["vault"]
}

data "azurerm_client_config" "this" {}

resource "azurerm_key_vault" "this" {
  name                = local.names.key_vault
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  tenant_id           = data.azurerm_client_config.this.tenant_id
  sku_name            = "standard"

  rbac_authorization_enabled    = true
  public_network_access_enabled = false

  # Neither can be taken back: the name stays taken for 90 days after a deletion.
  purge_protection_enabled   = true
  soft_delete_retention_days = 90

  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
  }
}

resource "azurerm_role_assignment" "secret_officers" {
  for_each = var.secret_officers

  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = each.value
  principal_type       = "Group"
}

module "private_endpoint" {
  source = "../../modules/private_endpoint"

  place         = module.platform.place
  resource_id   = azurerm_key_vault.this.id
  resource_name = local.names.key_vault
  subresource   = "vault"
}

module "logs" {
  source = "../../modules/diagnostics"

  workspace_id    = module.platform.workspace_id
  resource_id     = azurerm_key_vault.this.id
  category_groups = ["audit"]
  metrics         = ["AllMetrics"]
}

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "vault"
  description         = "The vault has trouble: copies that sign in with a secret fail."
  resource_id         = azurerm_key_vault.this.id
  namespace           = "Microsoft.KeyVault/vaults"
  action_group_id     = module.platform.action_group_id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    availability = { metric = "Availability", aggregation = "Average", operator = "LessThan", threshold = 90 }
    saturation   = { metric = "SaturationShoebox", aggregation = "Average", threshold = 75 }
    latency      = { metric = "ServiceApiLatency", aggregation = "Average", threshold = 1000 }
  }
}

resource "azurerm_management_lock" "this" {
  count = module.names.is_production ? 1 : 0

  name       = "keep"
  scope      = azurerm_key_vault.this.id
  lock_level = "CanNotDelete"
  notes      = "Holds secrets of sources. Take the lock away by hand before you delete it on purpose."
}
