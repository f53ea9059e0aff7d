# The account that the workspace belongs to: networks of serverless compute, and who may use which identity.
provider "databricks" {
  alias      = "account"
  host       = "https://accounts.azuredatabricks.net"
  account_id = var.account.id
  auth_type  = "azure-cli"
}
