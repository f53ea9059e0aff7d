# Built-in definitions by id, since display names change, with the value of each parameter. `deny` is "Audit" where an
# environment only reports. A key of these can be listed in `switched_off`.

locals {
  deny = var.deny ? "Deny" : "Audit"

  rules = merge(
    {
      locations               = { id = "e56962a6-4747-49cd-b67b-bf8b01975c4c", parameters = { listOfAllowedLocations = concat(var.allowed_locations, ["global"]) }, display_name = "Allowed locations" }
      locations-groups        = { id = "e765b5de-1225-4ba3-bd56-1ac6695af988", parameters = { listOfAllowedLocations = var.allowed_locations }, display_name = "Allowed locations for resource groups" }
      storage-https           = { id = "404c3081-a854-4457-ae30-26a93ef643f9", parameters = { effect = local.deny }, display_name = "Secure transfer to storage accounts should be enabled" }
      storage-tls             = { id = "fe83a0eb-a853-422d-aac2-1bffd182c5d0", parameters = { effect = local.deny, minimumTlsVersion = "TLS1_2" }, display_name = "Storage accounts should have the specified minimum TLS version" }
      storage-anonymous       = { id = "4fa4b6c0-31ca-4c0d-b10d-24b96f62a751", parameters = { effect = lower(local.deny) }, display_name = "Storage account public access should be disallowed" }
      storage-public          = { id = "b2982f36-99f2-4db5-8eff-283140c09693", parameters = { effect = local.deny }, display_name = "Storage accounts should disable public network access" }
      storage-keys            = { id = "fd9903f1-38c2-4d36-8e44-5c1c20c561e8", parameters = { effect = local.deny }, display_name = "Storage accounts should prevent shared key access (excluding storage accounts created by Databricks)" }
      storage-tenants         = { id = "92a89a79-6c52-4a7e-a03f-61306fc49312", parameters = { effect = local.deny }, display_name = "Storage accounts should prevent cross tenant object replication" }
      storage-private-link    = { id = "1604f626-4d8d-4124-8bb8-b1e5f95562de", parameters = { effect = "AuditIfNotExists" }, display_name = "Storage accounts should use private link (excluding storage accounts created by Databricks)" }
      vault-rbac              = { id = "12d4fa5e-1f9f-4c21-97a9-b99b3c6611b5", parameters = { effect = local.deny }, display_name = "Azure Key Vault should use RBAC permission model" }
      vault-public            = { id = "405c5871-3e91-4644-8a63-58e19d68ff5b", parameters = { effect = local.deny }, display_name = "Azure Key Vault should disable public network access" }
      vault-deletion          = { id = "0b60c0b2-2dc2-4e1c-b5c9-abbed971de53", parameters = { effect = local.deny }, display_name = "Key vaults should have deletion protection enabled" }
      vault-private-link      = { id = "a6abeaec-4d90-4a02-805f-6b26c4d3fbe9", parameters = { audit_effect = "Audit" }, display_name = "Azure Key Vaults should use private link" }
      vault-logs              = { id = "cf820ca0-f99e-4f3e-84fb-66e913812d21", parameters = { effect = "AuditIfNotExists" }, display_name = "Resource logs in Key Vault should be enabled" }
      vault-expiry            = { id = "98728c90-32c7-4049-8429-847dc0f4fe37", parameters = { effect = "Audit" }, display_name = "Key Vault secrets should have an expiration date" }
      sql-entra-only          = { id = "b3a22bc9-66de-45fb-98fa-00f5df42f41a", parameters = { effect = local.deny }, display_name = "Azure SQL Database should have Microsoft Entra-only authentication enabled" }
      sql-entra-only-new      = { id = "abda6d70-9778-44e7-84a8-06713e6db027", parameters = { effect = local.deny }, display_name = "Azure SQL logical servers should have Microsoft Entra-only authentication enabled during creation" }
      sql-public              = { id = "1b8ca024-1d5c-4dec-8995-b1a932b41780", parameters = { effect = local.deny }, display_name = "Public network access on Azure SQL Database should be disabled" }
      sql-tls                 = { id = "32e6bbec-16b6-44c2-be37-c5b672d103cf", parameters = { effect = local.deny }, display_name = "Azure SQL Database should be running TLS version 1.2 or newer" }
      sql-audit               = { id = "a6fb4358-5bf4-4ad7-ba82-2cd2f41ce5e9", parameters = { effect = "AuditIfNotExists" }, display_name = "Auditing on SQL server should be enabled" }
      sql-private-link        = { id = "7698e800-9299-47a6-b3b6-5a0fee576eed", parameters = { effect = "Audit" }, display_name = "Private endpoint connections on Azure SQL Database should be enabled" }
      factory-public          = { id = "1cf164be-6819-4a50-b8fa-4bcaa4f98fb6", parameters = { effect = local.deny }, display_name = "Public network access on Azure Data Factory should be disabled" }
      factory-secrets         = { id = "127ef6d7-242f-43b3-9eef-947faf1725d0", parameters = { effect = local.deny }, display_name = "Azure Data Factory linked services should use Key Vault for storing secrets" }
      factory-private-link    = { id = "8b0323be-cc25-4b61-935d-002c3798c6ea", parameters = { effect = "AuditIfNotExists" }, display_name = "Azure Data Factory should use private link" }
      databricks-network      = { id = "9c25c9e4-ee12-4882-afd2-11fb9d87893f", parameters = { effect = local.deny }, display_name = "Azure Databricks Workspaces should be in a virtual network" }
      databricks-public-ip    = { id = "51c1490f-3319-459c-bbbc-7f391bbed753", parameters = { effect = local.deny }, display_name = "Azure Databricks Clusters should disable public IP" }
      databricks-public       = { id = "0e7849de-b939-4c50-ab48-fc6b0f5eeba2", parameters = { effect = local.deny }, display_name = "Azure Databricks Workspaces should disable public network access" }
      databricks-premium      = { id = "2cc2c3b5-c2f8-45aa-a9e6-f90d85ae8352", parameters = { effect = local.deny }, display_name = "Azure Databricks workspaces should be Premium SKU that supports features like private link, customer-managed key for encryption" }
      databricks-private-link = { id = "258823f2-4595-4b52-b333-cc96192710d8", parameters = { effect = "Audit" }, display_name = "Azure Databricks Workspaces should use private link" }
      databricks-logs         = { id = "138ff14d-b687-4faa-a81c-898c91a87fa2", parameters = { effect = "AuditIfNotExists" }, display_name = "Resource logs in Azure Databricks Workspaces should be enabled" }
      functions-public        = { id = "969ac98b-88a8-449f-883c-2e9adb123127", parameters = { effect = local.deny }, display_name = "Function apps should disable public network access" }
      functions-https         = { id = "6d555dd1-86f2-4f1c-8ed7-5abae7c6cbab", parameters = { effect = local.deny }, display_name = "Function apps should only be accessible over HTTPS" }
      functions-identity      = { id = "0da106f2-4ca3-48e8-bc85-c638fe6aea8f", parameters = { effect = "AuditIfNotExists" }, display_name = "Function apps should use managed identity" }
      functions-tls           = { id = "f9d614c5-c173-4d56-95a7-b4437057d193", parameters = { effect = "AuditIfNotExists" }, display_name = "Function apps should use the latest TLS version" }
      functions-sign-in       = { id = "c75248c1-ea1d-4a9c-8fc9-29a6aabd5da8", parameters = { effect = "AuditIfNotExists" }, display_name = "Function apps should have authentication enabled" }
      subnets-private         = { id = "7bca8353-aa3b-429b-904a-9229c4385837", parameters = { effect = local.deny }, display_name = "Subnets should be private" }
      subnets-guarded         = { id = "e71308d3-144b-4262-b144-efdc3cc90517", parameters = { effect = "AuditIfNotExists" }, display_name = "Subnets should be associated with a Network Security Group" }
      flow-logs               = { id = "4c3c6c5f-0d47-4402-99b8-aa543dd8bcee", parameters = { effect = "Audit" }, display_name = "Audit flow logs configuration for every virtual network" }
      insights-entra          = { id = "199d5677-e4d9-4264-9465-efe1839c06bd", parameters = { effect = lower(local.deny) }, display_name = "Application Insights components should block non-Azure Active Directory based ingestion." }
      workspace-entra         = { id = "e15effd4-2278-4c65-a0da-4d6f6d1890e2", parameters = { effect = "Audit" }, display_name = "Log Analytics Workspaces should block non-Azure Active Directory based ingestion." }
    },
    {
      for tag in ["domain", "owner", "environment", "cost_center"] : "tag-${replace(tag, "_", "-")}" => {
        id           = "871b6d14-10aa-478d-b590-94f262ecfa99"
        parameters   = { tagName = tag }
        display_name = "Require a tag on resources: ${tag}"
      }
    },
  )

  # These only report.
  initiatives = {
    benchmark    = { id = "1f3afdf9-d0c9-4c3d-847f-89da613e70a8", parameters = {}, display_name = "Microsoft cloud security benchmark" }
    private-link = { id = "7379ef4c-89b0-48b6-a5cc-fd3a75eaef93", parameters = {}, display_name = "Evaluate Private Link Usage Across All Supported Azure Resources" }
  }

  # Plan, subplan and what it is asked to do besides: an extension that is not listed is switched off.
  defender_plans = {
    AppServices  = { subplan = null, extensions = {} }
    Arm          = { subplan = "PerSubscription", extensions = {} }
    CloudPosture = { subplan = null, extensions = {} }
    KeyVaults    = { subplan = "PerKeyVault", extensions = {} }
    SqlServers   = { subplan = null, extensions = {} }
    StorageAccounts = {
      subplan = "DefenderForStorageV2"
      extensions = {
        OnUploadMalwareScanning = { CapGBPerMonthPerStorageAccount = tostring(var.malware_scan_gb) }
        SensitiveDataDiscovery  = {}
      }
    }
  }
}
