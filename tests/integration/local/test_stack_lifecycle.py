"""The laptop stack starts whole, heals, refuses what it must, and leaves nothing behind."""

import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from landfall.addresses import CONTAINERS
from landfall.lake import Lake
from landfall.local import stack
from landfall.local.functions_host.keys import EVENT_GRID_SYSTEM_KEY, open_keys
from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout, Ports
from landfall.local.processes import listener_on
from landfall.local.stack_state import ServiceState, StackInfo, StackPhase
from landfall.settings import Settings
from tests.fakes.event_webhook import Webhook
from tests.loopback import PATIENCE_S, wait_until

pytestmark = pytest.mark.stack

Start = Callable[..., StackInfo]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stack.stop(tmp_path)


def pids(info: StackInfo) -> list[int]:
    return [info.supervisor_pid, *(service.pid for service in info.services if service.pid is not None)]


def none_runs(numbers: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and not is_zombie(pid) for pid in numbers)


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def current(root: Path) -> StackInfo:
    info = stack.status(root)
    assert info is not None
    return info


def settings_of(info: StackInfo) -> Settings:
    return Settings.from_environment(read_environment(info.env_file))


def test_from_start_to_stop(root: Path) -> None:
    seen: list[str] = []

    ports = Ports.free()
    info = stack.start(
        root,
        with_host=False,
        ports=ports,
        on_progress=lambda one: seen.append(f"{one.name} {one.state}"),
    )

    assert info.phase is StackPhase.READY
    assert not info.already_running
    assert {"azurite ready", "spark ready", "jobs ready", "events ready"} <= set(seen)
    for name, port in ports.listened_on(with_host=False):
        assert listener_on(port), name
    settings = settings_of(info)
    assert settings.job_id is not None
    lake = Lake.connect(settings)
    assert not any(lake.exists(container, "a") for container in CONTAINERS)
    lake.close()
    engine = sa.create_engine(settings.database_url)
    assert "Runs" in sa.inspect(engine).get_table_names()
    engine.dispose()

    again = stack.start(root, with_host=False)
    assert again.already_running
    assert again.supervisor_pid == info.supervisor_pid
    for service in current(root).services:
        assert service.state is ServiceState.READY
        assert service.memory_bytes
        assert service.uptime_s is not None

    assert stack.stop(root)
    assert none_runs(pids(info))
    assert stack.status(root) is None
    assert not stack.stop(root)


def test_what_dies_comes_back_and_no_event_is_lost(root: Path) -> None:
    ports = Ports.free()
    keys = open_keys(Layout(root).functions_keys)
    webhook = Webhook(ports.functions, keys.system[EVENT_GRID_SYSTEM_KEY])
    webhook.start()
    try:
        info = stack.start(root, with_host=False, ports=ports)
        lake = Lake.connect(settings_of(info))
        lake.upload_landing("d", "p", "before.csv", b"x")
        wait_until(lambda: "d/p/before.csv" in webhook.paths())

        for name in ("azurite", "spark", "events"):
            pid = current(root).service(name).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda name=name: current(root).service(name).restarts == 1)  # type: ignore[misc]
        wait_until(lambda: all(one.state is ServiceState.READY for one in current(root).services))
        lake.upload_landing("d", "p", "after.csv", b"x")

        wait_until(lambda: "d/p/after.csv" in webhook.paths())
        lake.close()
    finally:
        webhook.stop()


def test_a_killed_supervisor_leaves_nothing_running(root: Path) -> None:
    info = stack.start(root, with_host=False, ports=Ports.free())

    os.kill(info.supervisor_pid, signal.SIGKILL)

    wait_until(lambda: none_runs(pids(info)))
    assert stack.status(root) is None
    again = stack.start(root, with_host=False, ports=Ports.free())
    assert not again.already_running


def test_a_port_in_use_is_named_with_its_owner(root: Path) -> None:
    ports = Ports.free()
    with (
        socket.create_server(("127.0.0.1", ports.jobs)),
        socket.create_server(("127.0.0.1", ports.spark)),
        pytest.raises(stack.PortInUse) as caught,
    ):
        stack.start(root, with_host=False, ports=ports)

    message = str(caught.value)
    assert f"port {ports.jobs} is in use by process {os.getpid()}" in message
    assert f"port {ports.spark} is in use" in message
    assert "--jobs-port" in message
    assert not stack.is_running(root)


def test_of_two_starts_at_once_one_starts_it(root: Path) -> None:
    ports = Ports.free()

    with ThreadPoolExecutor(2) as pool:
        infos = list(pool.map(lambda _: stack.start(root, with_host=False, ports=ports), range(2)))

    assert infos[0].supervisor_pid == infos[1].supervisor_pid
    assert sorted(info.already_running for info in infos) == [False, True]


def test_an_app_that_does_not_load_is_explained(root: Path) -> None:
    (root / "function_app.py").write_text("raise RuntimeError('this app is broken')\n")

    with pytest.raises(stack.StackNotStarted, match="this app is broken"):
        stack.start(root, ports=Ports.free())

    assert not stack.is_running(root)


def test_the_function_host_runs_the_app(root: Path) -> None:
    ports = Ports.free()

    info = stack.start(root, ports=ports)

    assert info.service("functions").state is ServiceState.READY
    url = f"http://127.0.0.1:{ports.functions}/admin/host/status"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    assert replace(current(root), services=()).phase is StackPhase.READY
