variable "deployment" {
  description = "Where and for whom: the one variable that every stack takes, from env/<environment>.tfvars."
  type = object({
    environment = string
    location    = string
    suffix      = string
    domain      = string
    owner       = string
    cost_center = string
  })

  validation {
    condition     = contains(["dev", "tst", "prd"], var.deployment.environment)
    error_message = "environment is dev, tst or prd."
  }

  validation {
    condition     = can(regex("^[a-z0-9]{3,4}$", var.deployment.suffix))
    error_message = "suffix is 3 or 4 lower-case letters or digits: it makes names unique among all customers of Azure, and the longest names have no room for more."
  }

  validation {
    condition     = contains(keys(local.regions), var.deployment.location)
    error_message = "location has no abbreviation yet: add it to local.regions in modules/names."
  }

  validation {
    condition     = alltrue([for value in [var.deployment.domain, var.deployment.owner, var.deployment.cost_center] : trimspace(value) != ""])
    error_message = "domain, owner and cost_center become tags that a policy requires: none may be empty."
  }
}
