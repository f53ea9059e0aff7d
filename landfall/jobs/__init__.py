"""The Databricks side: job runs are submitted, watched, cancelled and read here, and nowhere else."""
