# Linked into every stack: the one variable that all take, and the names that follow from it.

variable "deployment" {
  description = "Where and for whom; see modules/names."
  type = object({
    environment = string
    location    = string
    suffix      = string
    domain      = string
    owner       = string
    cost_center = string
  })
}

module "names" {
  source = "../../modules/names"

  deployment = var.deployment
}

locals {
  names = module.names.names
  tags  = module.names.tags
}
