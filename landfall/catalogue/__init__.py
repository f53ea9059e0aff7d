"""The company's catalogue of data: what Landfall tells it while it runs, and what it exports for it."""
