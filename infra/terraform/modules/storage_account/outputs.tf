output "id" {
  value = azurerm_storage_account.this.id
}

output "container_scopes" {
  description = "Scope of each container, for role assignments."
  value       = { for name in var.containers : name => "${azurerm_storage_account.this.id}/blobServices/default/containers/${name}" }
}

output "queue_scopes" {
  description = "Scope of each queue, for role assignments."
  value       = { for name in var.queues : name => "${azurerm_storage_account.this.id}/queueServices/default/queues/${name}" }
}
