allowed_locations = ["westeurope"]
deny              = false
defender          = false

budget = {
  amount     = 500
  start_date = "2027-01-01T00:00:00Z"
}
