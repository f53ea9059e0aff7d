git = {
  organisation = "example"
  project      = "landfall"
  repository   = "landfall"
  branch       = "main"
}
