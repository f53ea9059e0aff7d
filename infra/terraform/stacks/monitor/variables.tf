variable "retention_days" {
  description = "How long logs can be queried, 30 to 730."
  type        = number

  validation {
    condition     = var.retention_days >= 30 && var.retention_days <= 730
    error_message = "retention_days is 30 to 730."
  }
}

variable "audit_retention_days" {
  description = "How long audit tables are kept in all."
  type        = number

  validation {
    condition     = var.audit_retention_days >= 365
    error_message = "audit_retention_days is at least 365: a year is what auditors ask for."
  }
}

variable "daily_quota_gb" {
  description = "Where ingestion stops for the day; -1 for no limit. A limit also stops the logs by which one would see why."
  type        = number
}

variable "query_from_internet" {
  description = "Whether signed-in people may query logs from outside the network. Ingestion is private in any case."
  type        = bool
}

variable "alert_emails" {
  description = "Who is told of alerts, by a name for each."
  type        = map(string)

  validation {
    condition     = length(var.alert_emails) > 0
    error_message = "alert_emails names nobody: then alerts are written and never read."
  }
}

variable "refused_rows_threshold" {
  description = "Refused rows of a product within 15 minutes above which somebody is told."
  type        = number
}

variable "start_latency_threshold_s" {
  description = "Seconds from landing to the opening of a run above which somebody is told."
  type        = number
}
