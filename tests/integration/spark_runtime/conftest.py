"""The real engine of the laptop, one for all tests of this folder, and a lake of its own for each test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from landfall.local import azurite
from tests.integration.spark_runtime.workbench import Workbench
from tests.loopback import PATIENCE_S, free_port, wait_for_port


@pytest.fixture(scope="session")
def azurite_port() -> int:
    """The port where Azurite will listen if a test starts it; the engine is told at its start."""
    return free_port()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, azurite_port: int) -> Iterator[str]:
    """A Spark Connect server; its address."""
    port = free_port()
    environment = os.environ | {
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{azurite_port}",
        "AZURE_STORAGE_ACCOUNT_KEY": azurite.ACCOUNT_KEY,
        "SAIL_RUNTIME__STACK_SIZE": str(64 << 20),
        "TZ": "UTC",
        "RUST_LOG": "error",
    }
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    with (tmp_path_factory.mktemp("engine") / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for_port(port)
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="session")
def spark(engine: str) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(engine).create()
    yield session
    session.stop()


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Workbench:
    return Workbench(spark, tmp_path)
