"""A running jobs server with a package of test jobs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.jobs_server.serving import ENTRY_POINTS, PACKAGE, Client, Server, start_server, wait_until


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the test package is installed, metadata included."""
    folder = tmp_path_factory.mktemp("wheel")
    source = Path(__file__).with_name(f"{PACKAGE}.py").read_text()
    (folder / f"{PACKAGE}.py").write_text(source)
    metadata = folder / f"{PACKAGE}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("jobs_server"), wheel)
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The server that most tests share; faults and runs do not outlive a test."""
    yield shared_server
    shared_server.call("DELETE", "/__loopback/faults")
    shared_server.call("DELETE", "/__loopback/requests")
    client = shared_server.client()
    for run in list(client.jobs.list_runs(active_only=True)):
        client.jobs.cancel_run(run.run_id or 0)
    wait_until(lambda: not list(client.jobs.list_runs(active_only=True)))


@pytest.fixture
def start(tmp_path: Path, wheel: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own, all on the same data: a second one is the first one restarted."""
    started: list[Server] = []

    def start_one(**options: Any) -> Server:
        started.append(start_server(tmp_path, wheel, **options))
        return started[-1]

    yield start_one
    for server in started:
        server.stop()


@pytest.fixture
def client(server: Server) -> Client:
    return server.client()
