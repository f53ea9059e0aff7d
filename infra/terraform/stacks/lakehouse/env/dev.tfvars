account = {
  id           = "00000000-0000-0000-0000-000000000000" # of your Databricks account
  metastore_id = null
}

groups = {
  deployers = "sg-landfall-deployers-dev"
  operators = "sg-landfall-operators-dev"
}

serverless_hosts = []

git = {
  name   = "landfall"
  url    = "https://dev.azure.com/example/landfall/_git/landfall"
  branch = "main"
}
