secret_officers = {}
