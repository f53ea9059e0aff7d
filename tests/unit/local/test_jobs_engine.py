"""The Spark engine of a stack, started anew: a process stands in for it, and a thread for the supervisor."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from landfall.local.jobs_server.engine import Engine
from landfall.local.stack_state import ServiceInfo, ServiceState, StackInfo, StackPhase, write_state

MEGABYTES = 1024 * 1024


def _write(file: Path, process: subprocess.Popen[bytes], *, since: float | None = None) -> None:
    info = ServiceInfo(
        "spark", "Spark", ServiceState.READY, pid=process.pid, since=time.time() if since is None else since
    )
    write_state(file, StackInfo(file.parent, StackPhase.READY, 1, (info,), file.parent / "env"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        program = f"held = b'x' * {50 * MEGABYTES}; print(flush=True); import time; time.sleep(600)"
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        processes.append(process)
        return process

    yield start_one
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_its_memory_is_that_of_its_process(
    tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    _write(tmp_path / "stack.json", start())

    held = Engine(tmp_path / "stack.json", "spark").memory_bytes()

    assert 50 * MEGABYTES < held < 100 * MEGABYTES


def test_a_later_process_of_its_number_is_somebody_else(
    tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    _write(tmp_path / "stack.json", start(), since=time.time() - 3600)

    assert Engine(tmp_path / "stack.json", "spark").memory_bytes() == 0


@pytest.mark.parametrize("text", [None, "not JSON", '{"services": []}'])
def test_without_an_engine_there_is_nothing_to_renew(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "stack.json").write_text(text)
    engine = Engine(tmp_path / "stack.json", "spark")

    asyncio.run(engine.renew())

    assert engine.memory_bytes() == 0


def test_renewing_ends_it_and_waits_for_the_next(
    tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    former = start()
    _write(tmp_path / "stack.json", former)
    started: list[subprocess.Popen[bytes]] = []

    def supervise() -> None:
        former.wait()
        started.append(start())
        _write(tmp_path / "stack.json", started[0])

    supervisor = Thread(target=supervise)
    supervisor.start()
    asyncio.run(Engine(tmp_path / "stack.json", "spark").renew())

    assert former.poll() is not None
    assert started, "it came back before the next one was there"
    supervisor.join()
