variable "names" {
  description = "The module `names`, whole."
  type = object({
    names           = map(string)
    resource_groups = map(string)
    subnets         = map(string)
    dns_zones       = map(string)
    tags            = map(string)
  })
}

variable "location" {
  type = string
}

variable "resource_group_name" {
  description = "Group of the stack that builds on this."
  type        = string
}

variable "subresources" {
  description = "Kinds of private endpoints that the stack makes, such as `blob`."
  type        = set(string)
}
