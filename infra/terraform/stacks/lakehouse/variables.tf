variable "account" {
  description = "The Databricks account, and the metastore of the region; null where the account assigns one to new workspaces by itself."
  type = object({
    id           = string
    metastore_id = string
  })

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.account.id))
    error_message = "account.id is the id of the Databricks account, as accounts.azuredatabricks.net shows it."
  }
}

variable "groups" {
  description = "Groups of the account: who applies this stack (the pipeline is a member), and who operates jobs."
  type = object({
    deployers = string
    operators = string
  })
}

variable "compute_profiles" {
  description = "Saved jobs that nodes run as; the app starts the one called default. A time-out of 0 is none; packages are lines of a requirements file."
  type = map(object({
    performance_target  = optional(string, "PERFORMANCE_OPTIMIZED")
    environment_version = optional(string, "4")
    timeout_s           = optional(number, 0)
    packages            = optional(list(string), [])
  }))
  default = { default = {} }

  validation {
    condition     = contains(keys(var.compute_profiles), "default")
    error_message = "compute_profiles has no profile called default: it is the one that the app starts."
  }

  validation {
    condition     = alltrue([for profile in values(var.compute_profiles) : contains(["PERFORMANCE_OPTIMIZED", "STANDARD"], profile.performance_target)])
    error_message = "performance_target is PERFORMANCE_OPTIMIZED or STANDARD."
  }
}

variable "serverless_hosts" {
  description = "Hosts that serverless compute may reach beside the lake, such as an index of packages."
  type        = set(string)
  default     = []
}

variable "git" {
  description = "Repository in Azure DevOps that the workspace shows; null for none. It is for development: jobs run the wheel."
  type = object({
    name   = string
    url    = string
    branch = string
  })
  default = null
}
