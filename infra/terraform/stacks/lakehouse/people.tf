# What people may start in the workspace, and the repository that they see there.

locals {
  cluster_policies = {
    explore = {
      description = "One small machine to look at data with; it stops by itself."
      definition = {
        num_workers                                   = { type = "fixed", value = 0 }
        "spark_conf.spark.databricks.cluster.profile" = { type = "fixed", value = "singleNode" }
        "spark_conf.spark.master"                     = { type = "fixed", value = "local[*]" }
        autotermination_minutes                       = { type = "range", minValue = 10, maxValue = 60, defaultValue = 20 }
      }
    }
    classic = {
      description = "A cluster of jobs, for what serverless compute lacks."
      definition = {
        cluster_type                    = { type = "fixed", value = "job" }
        "autoscale.min_workers"         = { type = "fixed", value = 1 }
        "autoscale.max_workers"         = { type = "range", maxValue = 8, defaultValue = 2 }
        "azure_attributes.availability" = { type = "allowlist", values = ["ON_DEMAND_AZURE", "SPOT_WITH_FALLBACK_AZURE"], defaultValue = "SPOT_WITH_FALLBACK_AZURE" }
      }
    }
  }

  # Of every cluster: what Unity Catalog protects stays protected, and what it costs can be told by its tags.
  every_cluster = merge(
    {
      data_security_mode                     = { type = "fixed", value = "USER_ISOLATION" }
      spark_version                          = { type = "unlimited", defaultValue = "auto:latest-lts" }
      node_type_id                           = { type = "allowlist", values = ["Standard_D4ds_v5", "Standard_D8ds_v5"], defaultValue = "Standard_D4ds_v5" }
      "init_scripts.*.workspace.destination" = { type = "forbidden" }
      "init_scripts.*.volumes.destination"   = { type = "forbidden" }
      "init_scripts.*.abfss.destination"     = { type = "forbidden" }
    },
    { for tag, value in local.tags : "custom_tags.${tag}" => { type = "fixed", value = value } },
  )
}

resource "databricks_cluster_policy" "this" {
  for_each = local.cluster_policies

  name                  = "landfall-${each.key}"
  description           = each.value.description
  definition            = jsonencode(merge(local.every_cluster, each.value.definition))
  max_clusters_per_user = each.key == "explore" ? 1 : null
}

resource "databricks_permissions" "cluster_policy" {
  for_each = databricks_cluster_policy.this

  cluster_policy_id = each.value.id

  access_control {
    group_name       = var.groups.operators
    permission_level = "CAN_USE"
  }
}

# --- This repository, where people develop: signed in by the identity of whoever applies, without a token ---

resource "databricks_git_credential" "this" {
  count = var.git == null ? 0 : 1

  git_provider = "azureDevOpsServicesAad"
  force        = true
}

# A pipeline moves it on after each merge: Terraform only makes it.
resource "databricks_repo" "this" {
  for_each = { for repository in var.git[*] : repository.name => repository }

  url          = each.value.url
  branch       = each.value.branch
  path         = "/Repos/landfall/${each.key}"
  git_provider = "azureDevOpsServices"

  lifecycle {
    ignore_changes = [branch, tag]
  }

  depends_on = [databricks_git_credential.this]
}

resource "databricks_permissions" "repo" {
  for_each = databricks_repo.this

  repo_id = each.value.id

  access_control {
    group_name       = var.groups.operators
    permission_level = "CAN_READ"
  }
}
