variable "secret_officers" {
  description = "Object ids of the Entra groups that put secrets in, by a name for each."
  type        = map(string)
  default     = {}
}
