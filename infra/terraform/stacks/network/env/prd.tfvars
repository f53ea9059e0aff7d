address_space = "10.64.32.0/20"
