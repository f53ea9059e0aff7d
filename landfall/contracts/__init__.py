"""What consumers of a port may rely on: contracts as values, as ODCS documents, and what breaks them."""
