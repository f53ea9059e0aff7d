variable "folder" {
  description = "Where the product file lies below data_products: DOMAIN/PRODUCT."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}$", var.folder))
    error_message = "${var.folder}: a domain and a product are named with lower-case letters, digits and underscores."
  }
}

variable "product" {
  description = "The product file, decoded. `x-consumers` lists the groups that may read the product."
  type        = any

  validation {
    condition     = try(var.product.api_version, null) == "landfall/v1"
    error_message = "${var.folder}/product.yml: api_version is not landfall/v1."
  }

  validation {
    condition     = try("${var.product.domain}/${var.product.name}", null) == var.folder
    error_message = "${var.folder}/product.yml: domain and name are not those of its folder."
  }

  validation {
    condition     = try(trimspace(var.product.owner.team), "") != ""
    error_message = "${var.folder}/product.yml: owner.team is missing; it names the group that the product belongs to."
  }

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.product.owner.email))
    error_message = "${var.folder}/product.yml: owner.email is no address, so nobody would be told of alerts."
  }

  validation {
    condition     = !can(var.product["x-consumers"]) || can(tolist(var.product["x-consumers"]))
    error_message = "${var.folder}/product.yml: x-consumers is not a list of groups."
  }
}

variable "catalog" {
  description = "Catalog of the product's domain."
  type        = string
}

variable "credential_name" {
  description = "Storage credential by which the lake is reached."
  type        = string
}

variable "databricks_id" {
  description = "Number of the workspace that the product is bound to."
  type        = number
}

variable "jobs_principal" {
  description = "Application id of the identity that jobs run as."
  type        = string
}

variable "urls" {
  description = "Roots of the containers landing and lake, as abfss addresses."
  type = object({
    landing = string
    lake    = string
  })
}

variable "alerts" {
  description = "Where alerts are made, and the Log Analytics workspace that they ask."
  type = object({
    location            = string
    resource_group_name = string
    tags                = map(string)
    workspace_id        = string
    environment         = string
    action_group        = string
  })
}
