variable "sign_in" {
  description = "The app registration that callers ask a token for, and who may call: client ids, and object ids of managed identities."
  type = object({
    client_id            = string
    allowed_applications = list(string)
    allowed_identities   = list(string)
  })
}

variable "callback_hosts" {
  description = "The only hosts that may be called back when a run ends, such as *.svc.datafactory.azure.com; none means every public one."
  type        = list(string)
}

variable "zone_redundant" {
  type = bool
}

variable "always_ready_durable" {
  description = "Instances that are always there for orchestrations; 0 lets the app sleep, and a landed file wake it."
  type        = number
}

variable "maximum_instance_count" {
  description = "40 to 1000. Durable Functions on Azure Storage gain nothing beyond their partitions."
  type        = number
  default     = 40
}

variable "instance_memory_mb" {
  type    = number
  default = 2048

  validation {
    condition     = contains([512, 2048, 4096], var.instance_memory_mb)
    error_message = "instance_memory_mb is 512, 2048 or 4096."
  }
}

variable "secret_settings" {
  description = "Settings of the app whose values are secrets, and the secret of the vault that each is. The app gets a reference, and Azure looks it up with the app's identity."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secret_settings) : contains(["LANDFALL_ALARM_WEBHOOK", "OPENLINEAGE_API_KEY"], name)])
    error_message = "secret_settings takes LANDFALL_ALARM_WEBHOOK and OPENLINEAGE_API_KEY: nothing else that the app reads is a secret."
  }
}

variable "durable_backend" {
  description = "Where Durable Functions keep their state: azure-storage is the host's account; task-scheduler is the managed service, which costs by itself and is reached from the network's own address."
  type        = string
  default     = "azure-storage"

  validation {
    condition     = contains(["azure-storage", "task-scheduler"], var.durable_backend)
    error_message = "durable_backend is azure-storage or task-scheduler."
  }
}

variable "rows_in_console" {
  description = "Whether the console and the API show rows: those in quarantine, and the first ones of tables. The app then reads the container of the tables; who sees which rows follows the domains. Without it these pages and routes answer 503."
  type        = bool
  default     = true
}
