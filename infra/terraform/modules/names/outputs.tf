output "tags" {
  description = "Tags that every resource carries."
  value = {
    domain      = var.deployment.domain
    owner       = var.deployment.owner
    environment = var.deployment.environment
    cost_center = var.deployment.cost_center
    managed_by  = "terraform"
  }
}

output "is_production" {
  description = "Whether data and resources are locked and spread over zones."
  value       = local.environment == "prd"
}

output "resource_groups" {
  description = "Name of the resource group of each stack."
  value       = { for stack in local.stacks : replace(stack, "-", "_") => "rg-${local.workload}-${stack}-${local.tail}" }
}

output "names" {
  description = "Name of each resource that is one of its kind, or that another stack looks up."
  value = {
    access_connector     = "dbac-${local.workload}-${local.tail}"
    action_group         = "ag-${local.workload}-${local.tail}"
    application_insights = "appi-${local.workload}-${local.tail}"
    data_factory         = "adf-${local.workload}-${local.tail}"
    databricks           = "dbw-${local.workload}-${local.tail}"
    databricks_managed   = "rg-${local.workload}-databricks-managed-${local.tail}"
    flow_log_account     = "st${local.workload}logs${local.compact}"
    flow_log_identity    = "id-${local.workload}-flow-${local.tail}"
    function_app         = "func-${local.workload}-${local.tail}"
    function_identity    = "id-${local.workload}-func-${local.tail}"
    function_plan        = "asp-${local.workload}-${local.tail}"
    databricks_storage   = "st${local.workload}dbw${local.compact}"
    host_account         = "st${local.workload}host${local.compact}"
    jobs_identity        = "id-${local.workload}-jobs-${local.tail}"
    key_vault            = "kv-${local.workload}-${local.compact}"
    lake_account         = "st${local.workload}lake${local.compact}"
    log_analytics        = "log-${local.workload}-${local.tail}"
    nat_gateway          = "ng-${local.workload}-${local.tail}"
    nat_public_ip        = "pip-${local.workload}-nat-${local.tail}"
    private_link_scope   = "ampls-${local.workload}-${local.tail}"
    sql_database         = "sqldb-${local.workload}-${local.environment}"
    sql_server           = "sql-${local.workload}-${local.tail}"
    system_topic         = "evgst-${local.workload}-lake-${local.tail}"
    task_scheduler       = "dts-${local.workload}-${local.tail}"
    virtual_network      = "vnet-${local.workload}-${local.tail}"
  }
}

output "subnets" {
  description = "Name of each subnet. None has an underscore: Flex Consumption refuses one."
  value = {
    for subnet in ["private-endpoints", "function-app", "databricks-host", "databricks-container", "agents"] :
    replace(subnet, "-", "_") => "snet-${local.workload}-${subnet}-${local.tail}"
  }
}

output "catalog" {
  description = "Catalog of the platform in Unity Catalog; that of a domain has the domain behind it."
  value       = "${local.workload}_${local.environment}"
}

output "containers" {
  description = "Containers and queues that the app's code names too."
  value = {
    landing      = "landing"
    lake         = "lake"
    control      = "control"
    dead_letters = "event-dead-letters"
    packages     = "function-packages"
    # The name that Network Watcher writes to.
    flow_logs    = "insights-logs-flowlogflowevent"
    events_queue = "landfall-events"
    poison_queue = "landfall-events-poison"
  }
}

output "dns_zones" {
  description = "Private DNS zone of each kind of private endpoint, by subresource."
  value = {
    azuremonitor           = "privatelink.monitor.azure.com"
    azuremonitor_oms       = "privatelink.oms.opinsights.azure.com"
    azuremonitor_ods       = "privatelink.ods.opinsights.azure.com"
    azuremonitor_auto      = "privatelink.agentsvc.azure-automation.net"
    blob                   = "privatelink.blob.core.windows.net"
    dataFactory            = "privatelink.datafactory.azure.net"
    databricks_ui_api      = "privatelink.azuredatabricks.net"
    browser_authentication = "privatelink.azuredatabricks.net"
    dfs                    = "privatelink.dfs.core.windows.net"
    portal                 = "privatelink.adf.azure.com"
    queue                  = "privatelink.queue.core.windows.net"
    sites                  = "privatelink.azurewebsites.net"
    sqlServer              = "privatelink.database.windows.net"
    table                  = "privatelink.table.core.windows.net"
    vault                  = "privatelink.vaultcore.azure.net"
  }
}

output "tail" {
  description = "End of every name: <environment>-<region>-<suffix> behind the workload. For names of a single use."
  value       = "${local.workload}-${local.tail}"
}
