"""The real engine of the laptop, one for all tests of this folder, and a lake of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.integration.spark_runtime.engine import an_engine
from tests.integration.spark_runtime.workbench import Workbench
from tests.loopback import free_port


@pytest.fixture(scope="session")
def azurite_port() -> int:
    """The port where Azurite will listen if a test starts it; the engine is told at its start."""
    return free_port()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, azurite_port: int) -> Iterator[str]:
    """A Spark Connect server; its address."""
    with an_engine(azurite_port, tmp_path_factory.mktemp("engine") / "log") as (address, _):
        yield address


@pytest.fixture(scope="session")
def spark(engine: str) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(engine).create()
    yield session
    session.stop()


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Workbench:
    return Workbench(spark, tmp_path)
