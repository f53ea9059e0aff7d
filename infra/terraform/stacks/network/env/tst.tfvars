address_space = "10.64.16.0/20"
