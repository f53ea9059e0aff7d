"""The Spark session of a job: where it comes from and the few settings that every engine allows."""

import logging

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

log = logging.getLogger("spark_runtime")

# The only keys of these that Databricks serverless lets a job set.
SETTINGS = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def open_session() -> SparkSession:
    """Return the session that the surroundings provide: Databricks' own, or the one ``SPARK_REMOTE`` names."""
    spark = SparkSession.builder.getOrCreate()
    for key, value in SETTINGS.items():
        spark.conf.set(key, value)
    _fail_fast_on_the_laptop(spark)
    return spark


def _fail_fast_on_the_laptop(spark: SparkSession) -> None:
    """Try a lost local server for seconds; the client's default is to be silent for many minutes."""
    try:
        client = spark.client
    except (AttributeError, PySparkException):
        return  # A classic cluster: its session has no client, and some say so by an error of their own.
    if client.host not in LOOPBACK_HOSTS:
        return
    from pyspark.sql.connect.client.retries import DefaultPolicy

    client.set_retry_policies([DefaultPolicy(max_retries=5, initial_backoff=100, max_backoff=1000)])
