variable "alerts" {
  description = "By a name for each: the metric, and where it becomes an alert. By default any event at all does."
  type = map(object({
    metric      = string
    aggregation = optional(string, "Total")
    operator    = optional(string, "GreaterThan")
    threshold   = optional(number, 0)
    severity    = optional(number, 2)
  }))
}

variable "what" {
  description = "Short word for the resource, in the names of its alerts."
  type        = string
}

variable "description" {
  description = "What it means, and what to do."
  type        = string
}

variable "resource_id" {
  type = string
}

variable "namespace" {
  description = "Of the metrics: the resource's type."
  type        = string
}

variable "window_size" {
  description = "How far back each look goes, as an ISO 8601 duration."
  type        = string
  default     = "PT15M"
}

variable "action_group_id" {
  type = string
}

variable "environment" {
  type = string
}

variable "resource_group_name" {
  type = string
}

variable "tags" {
  type = map(string)
}
