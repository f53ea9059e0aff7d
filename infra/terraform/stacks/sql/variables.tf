variable "administrators" {
  description = "Entra group that administers the server: the pipeline that migrates, and the people who break glass."
  type = object({
    name      = string
    object_id = string
  })

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.administrators.object_id))
    error_message = "administrators.object_id is the object id of an Entra group."
  }
}

variable "sku_name" {
  description = "GP_S_… is serverless, which suits dev; GP_… or BC_… is always there."
  type        = string
}

variable "min_capacity" {
  description = "Serverless: cores that are kept."
  type        = number
  default     = 0.5
}

variable "auto_pause_delay_in_minutes" {
  description = "Serverless: minutes without use until it pauses, -1 for never. The app waits up to 90 s for it to come back. Its timers look in every 30 s, so it pauses only while the function app is stopped."
  type        = number
  default     = -1
}

variable "max_size_gb" {
  type = number
}

variable "zone_redundant" {
  type = bool
}

variable "backup_redundancy" {
  description = "Local, Zone, Geo or GeoZone."
  type        = string

  validation {
    condition     = contains(["Local", "Zone", "Geo", "GeoZone"], var.backup_redundancy)
    error_message = "backup_redundancy is Local, Zone, Geo or GeoZone."
  }
}

variable "backup_retention_days" {
  description = "Days within which any moment can be restored, 1 to 35."
  type        = number

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days is 1 to 35."
  }
}

variable "long_term_backups" {
  description = "How long weekly and monthly backups are kept, as ISO 8601 durations; PT0S for none."
  type = object({
    weekly  = string
    monthly = string
  })
  default = { weekly = "PT0S", monthly = "PT0S" }
}
