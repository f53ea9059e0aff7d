allowed_locations = ["westeurope"]
deny              = true
defender          = true

budget = {
  amount     = 3000
  start_date = "2027-01-01T00:00:00Z"
}
