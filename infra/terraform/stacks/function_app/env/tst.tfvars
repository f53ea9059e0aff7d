sign_in = {
  client_id            = "00000000-0000-0000-0000-000000000000" # of the app registration in your tenant
  allowed_applications = []
  allowed_identities   = []
}

callback_hosts       = ["*.svc.datafactory.azure.com"]
zone_redundant       = false
always_ready_durable = 1
