variable "workspace_id" {
  type = string
}

variable "resource_id" {
  description = "What is watched."
  type        = string
}

variable "category_groups" {
  description = "Groups of logs, `audit` or `allLogs`."
  type        = list(string)
  default     = []
}

variable "categories" {
  description = "Single logs, where a group would cost too much or there is none."
  type        = list(string)
  default     = []
}

variable "metrics" {
  type    = list(string)
  default = []
}

variable "own_tables" {
  description = "Whether the service writes tables of its own only if it is asked to, as Data Factory does. Others return no mode, and asking them would be a difference in every plan."
  type        = bool
  default     = false
}
