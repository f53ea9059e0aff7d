"""The real Azurite on a free port, one for all tests of this folder."""

import subprocess
from collections.abc import Iterator

import pytest

from landfall.addresses import CONTAINERS
from landfall.lake import Lake
from landfall.local import azurite
from tests.loopback import PATIENCE_S, Emulator, free_port, wait_for_port


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("azurite")
    port = free_port()
    log = folder / "access.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            azurite.command(folder, port=port, data=folder / "data"), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for_port(port)
        running = Emulator(port, log)
        with running.service() as service:
            for container in CONTAINERS:
                service.create_container(container)
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def lake(emulator: Emulator) -> Iterator[Lake]:
    lake = Lake.connect(emulator.settings())
    yield lake
    lake.close()
