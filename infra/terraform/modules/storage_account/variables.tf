variable "place" {
  description = "Output `place` of the module `platform`."
  type = object({
    location            = string
    resource_group_name = string
    tags                = map(string)
    subnet_id           = string
    dns_zone_ids        = map(list(string))
  })
}

variable "workspace_id" {
  type = string
}

variable "name" {
  type = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.name))
    error_message = "A storage account's name is 3 to 24 lower-case letters and digits."
  }
}

variable "is_lake" {
  description = "Whether it has a hierarchical namespace (ADLS Gen2)."
  type        = bool
}

variable "replication" {
  description = "ZRS or GZRS where zones matter, LRS where only cost does."
  type        = string

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.replication)
    error_message = "replication is LRS, ZRS, GRS or GZRS."
  }
}

variable "soft_delete_days" {
  description = "How long deleted files and containers can be brought back."
  type        = number
}

variable "containers" {
  type = set(string)
}

variable "queues" {
  type    = set(string)
  default = []
}

variable "subresources" {
  description = "Parts that get a private endpoint."
  type        = set(string)
}

variable "is_locked" {
  description = "Whether it cannot be deleted."
  type        = bool
}
