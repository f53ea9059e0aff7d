address_space = "10.64.0.0/20"
