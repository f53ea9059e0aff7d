output "client_ids" {
  description = "For the contained users of the metadata database: see docs/deploy.md."
  value       = { for key, identity in azurerm_user_assigned_identity.this : key => identity.client_id }
}
