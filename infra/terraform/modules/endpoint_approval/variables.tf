variable "target_id" {
  description = "The resource that the endpoint leads to."
  type        = string
}

variable "target_type" {
  description = "Its type, such as Microsoft.Storage/storageAccounts."
  type        = string
}

variable "api_version" {
  description = "Of the type's list of connections."
  type        = string
}

variable "endpoint_name" {
  description = "Name of the private endpoint, in a subscription of the service that asks."
  type        = string
}
