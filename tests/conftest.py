"""What every test needs before the first import."""

import os

from hypothesis import HealthCheck, settings

# pytest-xdist runs its workers under `python -c`, which pyspark-client takes for its own doctests; it then looks
# for a Spark distribution and ends the process if there is none. Any value keeps it from looking.
os.environ.setdefault("SPARK_HOME", "none")

# No example is timed: on a busy machine that says nothing of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
