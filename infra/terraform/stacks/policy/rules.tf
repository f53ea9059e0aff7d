# Built-in definitions by id, since display names change. `deny` is "Audit" where an environment only reports.

locals {
  deny = var.deny ? "Deny" : "Audit"

  rules = merge(
    {
      locations = {
        display_name = "Allowed locations"
        id           = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
        parameters   = { listOfAllowedLocations = concat(var.allowed_locations, ["global"]) }
      }
      storage-https = {
        display_name = "Secure transfer to storage accounts should be enabled"
        id           = "404c3081-a854-4457-ae30-26a93ef643f9"
        parameters   = { effect = local.deny }
      }
      storage-tls = {
        display_name = "Storage accounts should have the specified minimum TLS version"
        id           = "fe83a0eb-a853-422d-aac2-1bffd182c5d0"
        parameters   = { effect = local.deny, minimumTlsVersion = "TLS1_2" }
      }
      storage-anonymous = {
        display_name = "Storage account public access should be disallowed"
        id           = "4fa4b6c0-31ca-4c0d-b10d-24b96f62a751"
        parameters   = { effect = lower(local.deny) }
      }
      storage-public = {
        display_name = "Storage accounts should disable public network access"
        id           = "b2982f36-99f2-4db5-8eff-283140c09693"
        parameters   = { effect = local.deny }
      }
      storage-keys = {
        display_name = "Storage accounts should prevent shared key access (excluding storage accounts created by Databricks)"
        id           = "fd9903f1-38c2-4d36-8e44-5c1c20c561e8"
        parameters   = { effect = local.deny }
      }
      storage-private-link = {
        display_name = "Storage accounts should use private link (excluding storage accounts created by Databricks)"
        id           = "1604f626-4d8d-4124-8bb8-b1e5f95562de"
        parameters   = { effect = "AuditIfNotExists" }
      }
      vault-rbac = {
        display_name = "Azure Key Vault should use RBAC permission model"
        id           = "12d4fa5e-1f9f-4c21-97a9-b99b3c6611b5"
        parameters   = { effect = local.deny }
      }
      vault-public = {
        display_name = "Azure Key Vault should disable public network access"
        id           = "405c5871-3e91-4644-8a63-58e19d68ff5b"
        parameters   = { effect = local.deny }
      }
      vault-deletion = {
        display_name = "Key vaults should have deletion protection enabled"
        id           = "0b60c0b2-2dc2-4e1c-b5c9-abbed971de53"
        parameters   = { effect = local.deny }
      }
      vault-private-link = {
        display_name = "Azure Key Vaults should use private link"
        id           = "a6abeaec-4d90-4a02-805f-6b26c4d3fbe9"
        parameters   = { audit_effect = "Audit" }
      }
      vault-logs = {
        display_name = "Resource logs in Key Vault should be enabled"
        id           = "cf820ca0-f99e-4f3e-84fb-66e913812d21"
        parameters   = { effect = "AuditIfNotExists" }
      }
      sql-entra-only = {
        display_name = "Azure SQL Database should have Microsoft Entra-only authentication enabled"
        id           = "b3a22bc9-66de-45fb-98fa-00f5df42f41a"
        parameters   = { effect = local.deny }
      }
      sql-public = {
        display_name = "Public network access on Azure SQL Database should be disabled"
        id           = "1b8ca024-1d5c-4dec-8995-b1a932b41780"
        parameters   = { effect = local.deny }
      }
      sql-tls = {
        display_name = "Azure SQL Database should be running TLS version 1.2 or newer"
        id           = "32e6bbec-16b6-44c2-be37-c5b672d103cf"
        parameters   = { effect = local.deny }
      }
      sql-audit = {
        display_name = "Auditing on SQL server should be enabled"
        id           = "a6fb4358-5bf4-4ad7-ba82-2cd2f41ce5e9"
        parameters   = { effect = "AuditIfNotExists" }
      }
      sql-private-link = {
        display_name = "Private endpoint connections on Azure SQL Database should be enabled"
        id           = "7698e800-9299-47a6-b3b6-5a0fee576eed"
        parameters   = { effect = "Audit" }
      }
      factory-public = {
        display_name = "Public network access on Azure Data Factory should be disabled"
        id           = "1cf164be-6819-4a50-b8fa-4bcaa4f98fb6"
        parameters   = { effect = local.deny }
      }
      factory-secrets = {
        display_name = "Azure Data Factory linked services should use Key Vault for storing secrets"
        id           = "127ef6d7-242f-43b3-9eef-947faf1725d0"
        parameters   = { effect = local.deny }
      }
      factory-private-link = {
        display_name = "Azure Data Factory should use private link"
        id           = "8b0323be-cc25-4b61-935d-002c3798c6ea"
        parameters   = { effect = "AuditIfNotExists" }
      }
      databricks-network = {
        display_name = "Azure Databricks Workspaces should be in a virtual network"
        id           = "9c25c9e4-ee12-4882-afd2-11fb9d87893f"
        parameters   = { effect = local.deny }
      }
      databricks-public-ip = {
        display_name = "Azure Databricks Clusters should disable public IP"
        id           = "51c1490f-3319-459c-bbbc-7f391bbed753"
        parameters   = { effect = local.deny }
      }
      databricks-public = {
        display_name = "Azure Databricks Workspaces should disable public network access"
        id           = "0e7849de-b939-4c50-ab48-fc6b0f5eeba2"
        parameters   = { effect = local.deny }
      }
      functions-public = {
        display_name = "Function apps should disable public network access"
        id           = "969ac98b-88a8-449f-883c-2e9adb123127"
        parameters   = { effect = local.deny }
      }
      functions-https = {
        display_name = "Function apps should only be accessible over HTTPS"
        id           = "6d555dd1-86f2-4f1c-8ed7-5abae7c6cbab"
        parameters   = { effect = local.deny }
      }
      subnets-private = {
        display_name = "Subnets should be private"
        id           = "7bca8353-aa3b-429b-904a-9229c4385837"
        parameters   = { effect = local.deny }
      }
      insights-entra = {
        display_name = "Application Insights components should block non-Azure Active Directory based ingestion."
        id           = "199d5677-e4d9-4264-9465-efe1839c06bd"
        parameters   = { effect = lower(local.deny) }
      }
    },
    {
      for tag in ["domain", "owner", "environment", "cost_center"] : "tag-${replace(tag, "_", "-")}" => {
        display_name = "Require a tag on resources: ${tag}"
        id           = "871b6d14-10aa-478d-b590-94f262ecfa99"
        parameters   = { tagName = tag }
      }
    },
  )

  # These only report.
  initiatives = {
    benchmark = {
      display_name = "Microsoft cloud security benchmark"
      id           = "1f3afdf9-d0c9-4c3d-847f-89da613e70a8"
      parameters   = {}
    }
    private-link = {
      display_name = "Evaluate Private Link Usage Across All Supported Azure Resources"
      id           = "7379ef4c-89b0-48b6-a5cc-fd3a75eaef93"
      parameters   = {}
    }
  }

  # Plan and subplan.
  defender_plans = {
    AppServices     = null
    Arm             = "PerSubscription"
    CloudPosture    = null
    KeyVaults       = "PerKeyVault"
    SqlServers      = null
    StorageAccounts = "DefenderForStorageV2"
  }
}
