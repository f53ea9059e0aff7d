variable "address_space" {
  description = "A /20 that overlaps no network this one is ever peered with."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.address_space)) && endswith(var.address_space, "/20")
    error_message = "address_space is a /20, such as 10.64.0.0/20: the subnets are cut from it."
  }
}
