# Who the app and its jobs are. A stack of its own: the database, the workspace and the app all have to know them before
# they are there themselves, and an identity that has its roles early waits for none of them later.

resource "azurerm_user_assigned_identity" "this" {
  for_each = {
    app  = local.names.function_identity
    jobs = local.names.jobs_identity
  }

  name                = each.value
  location            = local.location
  resource_group_name = local.group
  tags                = local.tags
}
