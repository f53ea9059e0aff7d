variable "git" {
  description = "Azure DevOps repository that people edit in; null for a factory that is only published to."
  type = object({
    organisation = string
    project      = string
    repository   = string
    branch       = string
  })
  default = null
}

variable "time_to_live_min" {
  description = "Minutes for which the runtime stays warm between copies."
  type        = number
  default     = 10
}

variable "landfall_audience" {
  description = "Application ID URI of the app's registration: what the factory's identity asks a token for."
  type        = string
}
