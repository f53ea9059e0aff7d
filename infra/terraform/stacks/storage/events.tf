# A finished write in the lake becomes a message in the queue. Event Grid never pushes through a private endpoint, so it
# cannot reach the function; a queue it reaches as a trusted service, under its own identity, and the function fetches.

resource "azurerm_eventgrid_system_topic" "lake" {
  name                = local.names.system_topic
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
  topic_type          = "Microsoft.Storage.StorageAccounts"
  source_resource_id  = module.lake.id

  # Only the identity of the topic itself passes a storage firewall; a user-assigned one does not.
  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_role_assignment" "topic" {
  for_each = {
    queue        = { role = "Storage Queue Data Message Sender", scope = module.host.queue_scopes[local.containers.events_queue] }
    dead_letters = { role = "Storage Blob Data Contributor", scope = module.host.container_scopes[local.containers.dead_letters] }
  }

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_eventgrid_system_topic.lake.identity[0].principal_id
  principal_type       = "ServicePrincipal"

  depends_on = [module.host]
}

locals {
  # With a hierarchical namespace a file tells twice that it was created: empty when it is opened, and when it is
  # complete. Only the latter counts, so the writes that complete a file are named; a test compares them with the app's.
  # A result in `control` wakes the node that waits for it.
  subscriptions = {
    written = {
      types      = ["Microsoft.Storage.BlobCreated"]
      containers = [local.containers.landing, local.containers.control]
      apis       = ["CopyBlob", "FlushWithClose", "PutBlob", "PutBlockList", "SftpCommit"]
    }
    moved = {
      types      = ["Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobRenamed", "Microsoft.Storage.DirectoryRenamed"]
      containers = [local.containers.landing]
      apis       = []
    }
  }
}

resource "azurerm_eventgrid_system_topic_event_subscription" "this" {
  for_each = local.subscriptions

  name                  = "landfall-${each.key}"
  system_topic          = azurerm_eventgrid_system_topic.lake.name
  resource_group_name   = local.group
  event_delivery_schema = "EventGridSchema"
  included_event_types  = each.value.types

  advanced_filter {
    string_begins_with {
      key    = "subject"
      values = [for container in each.value.containers : "/blobServices/default/containers/${container}/"]
    }

    dynamic "string_in" {
      for_each = length(each.value.apis) > 0 ? [each.value.apis] : []

      content {
        key    = "data.api"
        values = string_in.value
      }
    }
  }

  storage_queue_endpoint {
    storage_account_id                    = module.host.id
    queue_name                            = local.containers.events_queue
    queue_message_time_to_live_in_seconds = 7 * 24 * 3600
  }

  delivery_identity {
    type = "SystemAssigned"
  }

  storage_blob_dead_letter_destination {
    storage_account_id          = module.host.id
    storage_blob_container_name = local.containers.dead_letters
  }

  dead_letter_identity {
    type = "SystemAssigned"
  }

  retry_policy {
    max_delivery_attempts = 30
    event_time_to_live    = 1440
  }

  # Without its roles the topic cannot deliver, and creation tries to.
  depends_on = [azurerm_role_assignment.topic]
}

module "topic_logs" {
  source = "../../modules/diagnostics"

  workspace_id = module.platform.workspace_id
  resource_id  = azurerm_eventgrid_system_topic.lake.id
  categories   = ["DeliveryFailures"]
  metrics      = ["AllMetrics"]
}

module "alerts" {
  source = "../../modules/metric_alerts"

  what                = "events"
  description         = "Events of landed files do not arrive: look into the container of dead letters, and take files in with `landfall files replay`."
  resource_id         = azurerm_eventgrid_system_topic.lake.id
  namespace           = "Microsoft.EventGrid/systemTopics"
  window_size         = "PT5M"
  action_group_id     = module.platform.action_group_id
  environment         = var.deployment.environment
  resource_group_name = local.group
  tags                = local.tags

  alerts = {
    dead-lettered = { metric = "DeadLetteredCount", severity = 1 }
    dropped       = { metric = "DroppedEventCount", severity = 1 }
    not-delivered = { metric = "DeliveryAttemptFailCount", severity = 1 }
  }
}
