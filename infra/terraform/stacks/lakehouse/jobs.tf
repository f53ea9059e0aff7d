# The saved job of each compute profile, and the wheel that it runs. The wheel's version follows from what is in it, so
# another one has another name: what runs keeps the wheel it began with, and a cluster cannot take the old for the new.
# infra/terraform/wheel builds it under the same name; landfall/jobs/profile.py says what the app expects of such a job,
# and a test compares the two.

locals {
  runtime       = "${path.root}/../../../../spark_runtime"
  runtime_files = sort(setunion(["pyproject.toml"], fileset(local.runtime, "src/**/*.{py,json,typed}")))
  runtime_hash  = substr(sha256(join("", [for path in local.runtime_files : "${path} ${filesha256("${local.runtime}/${path}")}\n"])), 0, 12)
  released      = regex("(?m)^version = \"([0-9.]+)\"$", file("${local.runtime}/pyproject.toml"))[0]
  wheel         = "spark_runtime-${local.released}+${local.runtime_hash}-py3-none-any.whl"
}

resource "databricks_schema" "platform" {
  catalog_name = databricks_catalog.this["platform"].name
  name         = "platform"
  comment      = "What jobs run."
}

resource "databricks_volume" "wheels" {
  catalog_name = databricks_schema.platform.catalog_name
  schema_name  = databricks_schema.platform.name
  name         = "wheels"
  volume_type  = "MANAGED"
  comment      = "Wheels of the Spark runtime, each under a version of its own."
}

resource "databricks_grants" "platform" {
  schema = "${databricks_schema.platform.catalog_name}.${databricks_schema.platform.name}"

  grant {
    principal  = local.jobs
    privileges = ["READ_VOLUME", "USE_SCHEMA"]
  }
}

resource "databricks_file" "wheel" {
  source = "${path.root}/wheels/${local.wheel}"
  path   = "/Volumes/${databricks_volume.wheels.catalog_name}/${databricks_volume.wheels.schema_name}/${databricks_volume.wheels.name}/${local.wheel}"

  # Runs that are under way may still need the one before.
  lifecycle {
    create_before_destroy = true
  }
}

resource "databricks_job" "this" {
  for_each = var.compute_profiles

  name                = "landfall-${each.key}"
  max_concurrent_runs = 1000
  timeout_seconds     = each.value.timeout_s
  performance_target  = each.value.performance_target
  edit_mode           = "UI_LOCKED"
  tags                = local.tags

  run_as {
    service_principal_name = local.jobs
  }

  queue {
    enabled = true
  }

  parameter {
    name    = "spec_uri"
    default = ""
  }

  environment {
    environment_key = "default"

    spec {
      environment_version = each.value.environment_version
      dependencies        = concat([databricks_file.wheel.path], each.value.packages)
    }
  }

  task {
    task_key                  = "node"
    environment_key           = "default"
    max_retries               = 0
    disable_auto_optimization = true

    python_wheel_task {
      package_name     = "spark_runtime"
      entry_point      = "run"
      named_parameters = { "spec-uri" = "{{job.parameters.spec_uri}}" }
    }
  }

  depends_on = [databricks_access_control_rule_set.jobs, databricks_grants.platform]
}

# All that the app needs of the Jobs API: to start, look at and cancel runs of these jobs. Running them does not lend it
# the rights of the jobs' identity beyond that.
resource "databricks_permissions" "job" {
  for_each = databricks_job.this

  job_id = each.value.id

  access_control {
    service_principal_name = local.app
    permission_level       = "CAN_MANAGE_RUN"
  }

  access_control {
    group_name       = var.groups.operators
    permission_level = "CAN_VIEW"
  }
}
