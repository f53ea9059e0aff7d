"""The engine that `landfall test` starts, one for all tests of this folder."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from landfall.local.spark_engine import spark_engine
from landfall.testing.run import open_session


@pytest.fixture(scope="session")
def session() -> Iterator[SparkSession]:
    with spark_engine() as address, open_session(address) as spark:
        yield spark
