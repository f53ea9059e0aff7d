output "identity_client_id" {
  description = "For the contained user in SQL and the service principal in Databricks."
  value       = azurerm_user_assigned_identity.this.client_id
}
