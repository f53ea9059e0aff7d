deployment = {
  environment = "tst"
  location    = "westeurope"
  suffix      = "lf01"
  domain      = "platform"
  owner       = "data-platform@example.com"
  cost_center = "cc-0000"
}
