"""What tests need to run real servers on loopback."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from landfall.local import azurite
from landfall.settings import Settings

PATIENCE_S = 240.0
"""When a test gives up. It times nothing and only ends what hangs, so it is far above what a busy machine takes."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, timeout_s: float = PATIENCE_S) -> None:
    give_up_at = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
        else:
            return


def wait_until(condition: Callable[[], bool], *, timeout_s: float = PATIENCE_S) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.005)


@dataclass(frozen=True)
class Emulator:
    """A running Azurite: its port, and the file that its access log goes to."""

    port: int
    log: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/{azurite.ACCOUNT}"

    def settings(self) -> Settings:
        return Settings.from_environment(
            {
                "LANDFALL_DATABASE_URL": "sqlite:///unused.db",
                "LANDFALL_STORAGE_ACCOUNT": azurite.ACCOUNT,
                "LANDFALL_BLOB_ENDPOINT": self.endpoint,
                "LANDFALL_STORAGE_KEY": azurite.ACCOUNT_KEY,
                "DATABRICKS_HOST": "http://127.0.0.1:9",
            }
        )

    def service(self) -> BlobServiceClient:
        return BlobServiceClient(self.endpoint, credential=azurite.ACCOUNT_KEY)
