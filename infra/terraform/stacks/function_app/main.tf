# The function app: reached only through its private endpoint, and signed in everywhere with one identity.

module "platform" {
  source = "../../modules/platform"

  names               = module.names
  location            = local.location
  resource_group_name = local.group
  subresources        = ["sites"]
}

data "azurerm_subnet" "this" {
  name                 = module.names.subnets.function_app
  virtual_network_name = local.names.virtual_network
  resource_group_name  = module.names.resource_groups.network
}

data "azurerm_storage_account" "lake" {
  name                = local.names.lake_account
  resource_group_name = module.names.resource_groups.storage
}

data "azurerm_storage_account" "host" {
  name                = local.names.host_account
  resource_group_name = module.names.resource_groups.storage
}

data "azurerm_key_vault" "this" {
  name                = local.names.key_vault
  resource_group_name = module.names.resource_groups.key_vault
}

data "azurerm_application_insights" "this" {
  name                = local.names.application_insights
  resource_group_name = module.names.resource_groups.monitor
}

# The job that nodes run as; the stack `lakehouse` makes it.
data "databricks_job" "default" {
  job_name = "landfall-default"
}

data "azurerm_client_config" "this" {}

locals {
  containers = module.names.containers
  host_name  = "${local.names.function_app}.azurewebsites.net"
}

# --- Who the app is, and what it may do: all of it here ---

data "azurerm_user_assigned_identity" "this" {
  name                = local.names.function_identity
  resource_group_name = module.names.resource_groups.identity
}

locals {
  roles = merge(local.needed_roles, var.rows_in_console ? { lake = local.sight_of_rows } : {})

  needed_roles = {
    # Leases and keys of the host, and the package; queues and tables are those of Durable Functions and of the events.
    host_blobs  = { role = "Storage Blob Data Owner", scope = data.azurerm_storage_account.host.id }
    host_queues = { role = "Storage Queue Data Contributor", scope = data.azurerm_storage_account.host.id }
    host_tables = { role = "Storage Table Data Contributor", scope = data.azurerm_storage_account.host.id }

    # It looks at what landed and exchanges specs and results with jobs. Tables only jobs write.
    landing = { role = "Storage Blob Data Reader", scope = "${data.azurerm_storage_account.lake.id}/blobServices/default/containers/${local.containers.landing}" }
    control = { role = "Storage Blob Data Contributor", scope = "${data.azurerm_storage_account.lake.id}/blobServices/default/containers/${local.containers.control}" }

    secrets   = { role = "Key Vault Secrets User", scope = data.azurerm_key_vault.this.id }
    telemetry = { role = "Monitoring Metrics Publisher", scope = data.azurerm_application_insights.this.id }
  }

  # Refused rows with their reasons, and the first rows of tables, are shown as the app reads them.
  sight_of_rows = { role = "Storage Blob Data Reader", scope = "${data.azurerm_storage_account.lake.id}/blobServices/default/containers/${local.containers.lake}" }
}

resource "azurerm_role_assignment" "this" {
  for_each = local.roles

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = data.azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

# --- The app ---

resource "azurerm_service_plan" "this" {
  name                   = local.names.function_plan
  location               = local.location
  resource_group_name    = local.group
  tags                   = local.tags
  os_type                = "Linux"
  sku_name               = "FC1"
  zone_balancing_enabled = var.zone_redundant
}

# By azapi: the resource of azurerm writes a key-style AzureWebJobsStorage beside the identity's settings, with an empty
# key, and the host does not start.
resource "azapi_resource" "this" {
  type      = "Microsoft.Web/sites@2024-04-01"
  name      = local.names.function_app
  parent_id = azurerm_resource_group.this.id
  location  = local.location
  tags      = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [data.azurerm_user_assigned_identity.this.id]
  }

  body = {
    kind = "functionapp,linux"

    properties = {
      serverFarmId              = azurerm_service_plan.this.id
      httpsOnly                 = true
      publicNetworkAccess       = "Disabled"
      virtualNetworkSubnetId    = data.azurerm_subnet.this.id
      keyVaultReferenceIdentity = data.azurerm_user_assigned_identity.this.id

      functionAppConfig = {
        deployment = {
          storage = {
            type  = "blobcontainer"
            value = "https://${local.names.host_account}.blob.core.windows.net/${local.containers.packages}"

            authentication = {
              type                           = "userassignedidentity"
              userAssignedIdentityResourceId = data.azurerm_user_assigned_identity.this.id
            }
          }
        }

        runtime = {
          name    = "python"
          version = "3.11"
        }

        scaleAndConcurrency = {
          maximumInstanceCount = var.maximum_instance_count
          instanceMemoryMB     = var.instance_memory_mb
          # One that is always there starts a run within seconds of a landed file.
          alwaysReady = var.always_ready_durable > 0 ? [{ name = "durable", instanceCount = var.always_ready_durable }] : []
        }
      }

      siteConfig = {
        appSettings                      = [for name in sort(keys(local.app_settings)) : { name = name, value = local.app_settings[name] }]
        minTlsVersion                    = "1.2"
        scmMinTlsVersion                 = "1.2"
        http20Enabled                    = true
        ftpsState                        = "Disabled"
        remoteDebuggingEnabled           = false
        scmIpSecurityRestrictionsUseMain = true
      }
    }
  }

  depends_on = [azurerm_role_assignment.this]
}

# Publishing with user name and password stays off.
resource "azapi_resource" "basic_publishing" {
  for_each = toset(["ftp", "scm"])

  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01"
  name      = each.key
  parent_id = azapi_resource.this.id

  body = {
    properties = { allow = false }
  }
}

# Nobody calls without a token, but for the health of the app.
resource "azapi_resource" "sign_in" {
  type      = "Microsoft.Web/sites/config@2024-04-01"
  name      = "authsettingsV2"
  parent_id = azapi_resource.this.id

  body = {
    properties = {
      platform = { enabled = true }

      globalValidation = {
        requireAuthentication       = true
        unauthenticatedClientAction = "Return401"
        excludedPaths               = ["/api/health"]
      }

      httpSettings = { requireHttps = true }

      identityProviders = {
        azureActiveDirectory = {
          enabled = true

          registration = {
            clientId     = var.sign_in.client_id
            openIdIssuer = "https://login.microsoftonline.com/${data.azurerm_client_config.this.tenant_id}/v2.0"
          }

          validation = {
            allowedAudiences = ["api://${var.sign_in.client_id}"]

            # A managed identity has to stand in both lists: with one alone it is refused.
            defaultAuthorizationPolicy = {
              allowedApplications = var.sign_in.allowed_applications
              allowedPrincipals   = { identities = var.sign_in.allowed_identities }
            }
          }
        }
      }

      login = {}
    }
  }
}

module "private_endpoint" {
  source = "../../modules/private_endpoint"

  place         = module.platform.place
  resource_id   = azapi_resource.this.id
  resource_name = local.names.function_app
  subresource   = "sites"
}

module "logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = azapi_resource.this.id
  categories   = ["FunctionAppLogs", "AppServiceAuthenticationLogs"]
  metrics      = ["AllMetrics"]
}

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "func"
  description         = "The function app answers with server errors: see FunctionAppLogs."
  resource_id         = azapi_resource.this.id
  namespace           = "Microsoft.Web/sites"
  action_group_id     = module.platform.action_group_id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    http-errors = { metric = "Http5xx", threshold = 10, severity = 1 }
  }
}
