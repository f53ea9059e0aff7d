variable "lake_replication" {
  description = "LRS, ZRS, GRS or GZRS."
  type        = string
}

variable "host_replication" {
  description = "LRS or ZRS. What the host keeps can be rebuilt from SQL, so another region is of no use."
  type        = string
}

variable "soft_delete_days" {
  description = "How long deleted files of the lake can be brought back, 7 to 365."
  type        = number

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 365
    error_message = "soft_delete_days is 7 to 365."
  }
}

variable "landing_cool_after_days" {
  description = "Days after which landed files move to cheaper storage."
  type        = number
}

variable "landing_delete_after_days" {
  description = "Days after which landed files are deleted; null keeps them, and with them every way to build tables anew."
  type        = number
  default     = null
}

variable "control_delete_after_days" {
  description = "Days after which specs and results of nodes are deleted. Runs that are older cannot be looked into."
  type        = number
}

variable "landing_immutable_days" {
  description = "Days for which a landed file can be neither changed nor deleted; null for no such rule."
  type        = number
  default     = null
}

variable "flow_log_days" {
  description = "Days for which it is kept who talked to whom in the network, 1 to 365."
  type        = number

  validation {
    condition     = var.flow_log_days >= 1 && var.flow_log_days <= 365
    error_message = "flow_log_days is 1 to 365."
  }
}
