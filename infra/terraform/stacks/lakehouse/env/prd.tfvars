account = {
  id           = "00000000-0000-0000-0000-000000000000" # of your Databricks account
  metastore_id = null
}

groups = {
  deployers = "sg-landfall-deployers-prd"
  operators = "sg-landfall-operators-prd"
}

serverless_hosts = []
