"""The batch copy: what of databases, APIs and file servers is to be copied into the landing zone, and how."""
