account = {
  id           = "00000000-0000-0000-0000-000000000000" # of your Databricks account
  metastore_id = null
}

groups = {
  deployers = "sg-landfall-deployers-tst"
  operators = "sg-landfall-operators-tst"
}

serverless_hosts = []
