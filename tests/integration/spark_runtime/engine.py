"""Starts the engine of the laptop for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landfall.local import azurite
from landfall.local.services import SPARK_ENVIRONMENT
from tests.loopback import PATIENCE_S, free_port, wait_for_port


@contextmanager
def an_engine(azurite_port: int, log: Path) -> Iterator[tuple[str, int]]:
    """Yield the address of a Spark Connect server and its process id.

    Args:
        azurite_port: Where the storage it can reach listens, sooner or later.
        log: The file for what it prints.
    """
    port = free_port()
    environment = os.environ | {
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{azurite_port}",
        "AZURE_STORAGE_ACCOUNT_KEY": azurite.ACCOUNT_KEY,
        **SPARK_ENVIRONMENT,
    }
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_for_port(port)
        yield f"sc://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
