allowed_locations = ["westeurope"]
deny              = true
defender          = false

budget = {
  amount     = 500
  start_date = "2027-01-01T00:00:00Z"
}
