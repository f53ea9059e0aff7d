variable "place" {
  description = "Output `place` of the module `platform`: subnet, zones by subresource, group, tags."
  type = object({
    location            = string
    resource_group_name = string
    tags                = map(string)
    subnet_id           = string
    dns_zone_ids        = map(list(string))
  })
}

variable "resource_id" {
  description = "What the endpoint leads to."
  type        = string
}

variable "resource_name" {
  description = "Its name, from which the endpoint takes its own."
  type        = string
}

variable "subresource" {
  description = "The part of the resource that is reached, such as `blob`."
  type        = string
}
