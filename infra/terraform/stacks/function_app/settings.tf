# What the app reads from its environment: landfall/settings.py and the bindings of function_app.py. No value is a
# secret. A test lets the app read these settings.

locals {
  identity_settings = {
    credential = "managedidentity"
    clientId   = data.azurerm_user_assigned_identity.this.client_id
  }

  app_settings = merge(
    { for key, value in local.identity_settings : "AzureWebJobsStorage__${key}" => value },
    { for key, value in local.identity_settings : "LANDFALL_EVENTS_STORAGE__${key}" => value },
    {
      AzureWebJobsStorage__accountName         = local.names.host_account
      LANDFALL_EVENTS_STORAGE__queueServiceUri = "https://${local.names.host_account}.queue.core.windows.net"

      # Event Grid cannot push into the network; events come through the queue. On Linux the host looks for underscores where the
      # documentation has dots.
      AzureWebJobs_on_blob_created_Disabled = "true"

      PYTHON_THREADPOOL_THREAD_COUNT = "16"

      LANDFALL_DATABASE_URL       = "mssql+pyodbc://${local.names.sql_server}.database.windows.net/${local.names.sql_database}"
      LANDFALL_STORAGE_ACCOUNT    = local.names.lake_account
      LANDFALL_IDENTITY_CLIENT_ID = data.azurerm_user_assigned_identity.this.client_id
      LANDFALL_FUNCTIONS_URL      = "https://${local.host_name}"
      LANDFALL_FUNCTIONS_AUDIENCE = "api://${var.sign_in.client_id}"
      # Beside azapi_resource.sign_in, which makes it true: the headers with the caller's principal are App Service's own.
      LANDFALL_APP_SERVICE_AUTH = "true"
      LANDFALL_CALLBACK_HOSTS   = join(" ", var.callback_hosts)
      DATABRICKS_HOST           = "https://${data.azurerm_databricks_workspace.this.workspace_url}"

      APPLICATIONINSIGHTS_CONNECTION_STRING     = data.azurerm_application_insights.this.connection_string
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${data.azurerm_user_assigned_identity.this.client_id};Authorization=AAD"
      LANDFALL_JOB_ID                           = data.databricks_job.default.id
    },
    { for name, secret in var.secret_settings : name => "@Microsoft.KeyVault(SecretUri=https://${local.names.key_vault}.vault.azure.net/secrets/${secret})" },
    local.scheduler_settings,
  )
}
