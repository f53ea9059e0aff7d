# Linked into the stacks that look into the workspace. Whoever is signed in with `az`, or by the task of the pipeline: no
# token.
provider "databricks" {
  azure_workspace_resource_id = data.azurerm_databricks_workspace.this.id
  auth_type                   = "azure-cli"
}

data "azurerm_databricks_workspace" "this" {
  name                = local.names.databricks
  resource_group_name = module.names.resource_groups.databricks
}
