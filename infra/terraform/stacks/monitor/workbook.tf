# A page with every metric that Landfall emits, over time.

locals {
  # Metric (docs/telemetry.md), what is drawn of it, and the attribute that lines are told apart by.
  charts = [
    { title = "Files that landed, by what became of them", metric = "landfall.files", value = "sum(Sum)", by = "landfall.file.fate" },
    { title = "Dead letters, by where they came from", metric = "landfall.dead_letters", value = "sum(Sum)", by = "landfall.letter.source" },
    { title = "Ended runs, by state", metric = "landfall.runs", value = "sum(Sum)", by = "landfall.run.state" },
    { title = "Ended nodes, by state", metric = "landfall.nodes", value = "sum(Sum)", by = "landfall.node.state" },
    { title = "Attempts after the first, by whose failure came before", metric = "landfall.retries", value = "sum(Sum)", by = "landfall.failure" },
    { title = "Calls that the Jobs API throttled", metric = "landfall.jobs.throttled", value = "sum(Sum)", by = "landfall.jobs.call" },
    { title = "Longest wait for a turn at the Jobs API, in seconds", metric = "landfall.jobs.wait", value = "max(Max)", by = "landfall.product" },
    { title = "Seconds of jobs", metric = "landfall.job.seconds", value = "sum(Sum)", by = "landfall.product" },
    { title = "Estimated cost of jobs", metric = "landfall.job.cost", value = "sum(Sum)", by = "landfall.product" },
    { title = "Rows read, published and quarantined", metric = "landfall.rows", value = "sum(Sum)", by = "landfall.rows.kind" },
    { title = "Rows that a rule refused", metric = "landfall.rows.refused", value = "sum(Sum)", by = "landfall.product" },
    { title = "Longest run, in seconds", metric = "landfall.run.duration", value = "max(Max)", by = "landfall.product" },
    { title = "Longest job, in seconds", metric = "landfall.job.duration", value = "max(Max)", by = "landfall.product" },
    { title = "Longest wait from landing to run, in seconds", metric = "landfall.start.latency", value = "max(Max)", by = "landfall.product" },
    { title = "Longest way from landing to published, in seconds", metric = "landfall.publish.latency", value = "max(Max)", by = "landfall.product" },
    { title = "Oldest dataset whose freshness is promised, in seconds", metric = "landfall.dataset.age", value = "max(Max)", by = "landfall.product" },
    { title = "Service levels that are met (1) or missed (0)", metric = "landfall.service_level.met", value = "min(Min)", by = "landfall.product" },
    { title = "What waits: files, requests, nodes, dead letters", metric = "landfall.queue", value = "max(Max)", by = "landfall.queue.of" },
    { title = "Alarms that last", metric = "landfall.alarms", value = "max(Max)", by = "landfall.alarm" },
  ]
}

resource "azurerm_application_insights_workbook" "this" {
  # Azure wants a UUID; this one stays the same from plan to plan.
  name                = uuidv5("dns", "workbook.${local.names.log_analytics}")
  display_name        = "Landfall ${var.deployment.environment}"
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  source_id           = lower(azurerm_log_analytics_workspace.this.id)

  data_json = jsonencode({
    version             = "Notebook/1.0"
    fallbackResourceIds = [azurerm_log_analytics_workspace.this.id]

    items = concat(
      [
        {
          type = 9
          name = "range"
          content = {
            version = "KqlParameterItem/1.0"
            style   = "pills"
            parameters = [
              {
                version      = "KqlParameterItem/1.0"
                id           = uuidv5("dns", "range.${local.names.log_analytics}")
                name         = "range"
                label        = "Time"
                type         = 4
                isRequired   = true
                value        = { durationMs = 86400000 }
                typeSettings = { selectableValues = [for hours in [1, 4, 24, 168, 720] : { durationMs = hours * 3600000 }] }
              },
            ]
          }
        },
      ],
      [
        for chart in local.charts : {
          type        = 3
          name        = chart.metric
          customWidth = "50"
          content = {
            version                  = "KqlItem/1.0"
            title                    = chart.title
            queryType                = 0
            resourceType             = "microsoft.operationalinsights/workspaces"
            crossComponentResources  = [azurerm_log_analytics_workspace.this.id]
            timeContextFromParameter = "range"
            visualization            = "timechart"
            size                     = 0
            query                    = <<-KQL
              AppMetrics
              | where TimeGenerated {range} and Name == "${chart.metric}"
              | summarize value = ${chart.value} by bin(TimeGenerated, {range:grain}), series = tostring(Properties["${chart.by}"])
              | render timechart
            KQL
          }
        }
      ],
    )
  })
}
