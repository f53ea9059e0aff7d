"""What every test needs before the first import."""

import os

# pytest-xdist runs its workers under `python -c`, which pyspark-client takes for its own doctests; it then looks
# for a Spark distribution and ends the process if there is none. Any value keeps it from looking.
os.environ.setdefault("SPARK_HOME", "none")
