"""The laptop's Databricks: the Jobs REST API on loopback, its runs executed as local processes."""
