"""The emulator as the stack starts it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from landfall.local import azurite
from landfall.local.azurite import AzuriteNotInstalled
from tests.loopback import PATIENCE_S, free_port, wait_for_port, wait_until

pytestmark = pytest.mark.stack


@contextmanager
def running(port: int, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(azurite.command(data, port=port, data=data), stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_a_confirmed_blob_survives_a_kill_soon_after(tmp_path: Path) -> None:
    port = free_port()
    index = tmp_path / "__azurite_db_blob__.json"
    service = BlobServiceClient(
        f"http://127.0.0.1:{port}/{azurite.ACCOUNT}", credential=azurite.ACCOUNT_KEY, retry_total=0
    )
    with running(port, tmp_path):
        service.create_container("landing")
        service.get_blob_client("landing", "kept.csv").upload_blob(b"kept")
        wait_until(lambda: index.is_file() and "kept.csv" in index.read_text(), timeout_s=2)

    with running(port, tmp_path):
        assert service.get_blob_client("landing", "kept.csv").download_blob().readall() == b"kept"
    service.close()


def test_it_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    with running(port, tmp_path) as process:
        process.terminate()

        assert process.wait(5) is not None


def test_a_machine_without_it_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azurite, "find_installation", lambda _root: None)

    with pytest.raises(AzuriteNotInstalled, match="make setup"):
        azurite.command(tmp_path, port=1, data=tmp_path)
