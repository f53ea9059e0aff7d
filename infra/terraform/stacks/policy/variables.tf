variable "allowed_locations" {
  description = "Regions in which anything may be made."
  type        = list(string)
}

variable "deny" {
  description = "Whether what breaks a rule is refused; otherwise it is reported."
  type        = bool
}

variable "switched_off" {
  description = "Rules that are not assigned, by their keys in rules.tf."
  type        = set(string)
  default     = []
}

variable "defender" {
  description = "Whether the plans of Defender for Cloud are bought for this subscription."
  type        = bool
}

variable "malware_scan_gb" {
  description = "Defender: GB that are scanned for malware as they land, each month and storage account. It is billed by the GB."
  type        = number
  default     = 100
}

variable "budget" {
  description = "Monthly amount in the currency of the account, and the first day of a month from which it counts."
  type = object({
    amount     = number
    start_date = string
  })
}
