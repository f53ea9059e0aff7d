"""Tasks on a real Spark Connect engine: sessions of their own, and queries that end with their task."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from landfall.local.services import SPARK_ENVIRONMENT
from tests.contract.jobs_server.serving import (
    Client,
    Server,
    codes,
    ended,
    run_and_wait,
    start_server,
    state_of,
    submit,
    task_process,
    wait_until,
    wheel_task,
)
from tests.loopback import free_port, wait_for_port

pytestmark = pytest.mark.stack

SPARK_MODULES = ("pandas", "pyspark.sql.connect.session", "pyspark.sql.connect.dataframe")


@pytest.fixture(scope="module")
def engine() -> Iterator[tuple[str, psutil.Process]]:
    """A Spark Connect server: its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | SPARK_ENVIRONMENT)
    wait_for_port(port)
    yield f"sc://127.0.0.1:{port}", psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def spark_server(
    engine: tuple[str, psutil.Process], wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("spark_server")
    server = start_server(folder, wheel, preload=SPARK_MODULES, SPARK_REMOTE=engine[0])
    yield server
    server.stop()


def is_idle(process: psutil.Process) -> bool:
    """Return whether a process used next to no CPU during a tenth of a second."""
    before = sum(process.cpu_times()[:2])
    time.sleep(0.1)
    return sum(process.cpu_times()[:2]) - before < 0.02


def start_long_query(client: Client, engine: psutil.Process) -> int:
    run_id = submit(client, wheel_task("query_for_ever"))
    wait_until(lambda: state_of(client.jobs.get_run(run_id)) == "RUNNING" and not is_idle(engine))
    return run_id


def test_tasks_do_not_share_views(spark_server: Server) -> None:
    client = spark_server.client()

    runs = [run_and_wait(client, wheel_task("make_a_view_once")) for _ in range(2)]

    assert [run.state.result_state.value for run in runs] == ["SUCCESS", "SUCCESS"]


def test_a_cancel_ends_the_query(spark_server: Server, engine: tuple[str, psutil.Process]) -> None:
    client = spark_server.client()
    run_id = start_long_query(client, engine[1])

    client.jobs.cancel_run(run_id)

    assert codes(ended(client, run_id)) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    wait_until(lambda: is_idle(engine[1]))


def test_the_query_of_a_killed_process_ends_too(
    spark_server: Server, engine: tuple[str, psutil.Process]
) -> None:
    client = spark_server.client()
    run_id = start_long_query(client, engine[1])

    os.kill(task_process(spark_server, run_id), signal.SIGKILL)

    assert codes(ended(client, run_id)) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")
    wait_until(lambda: is_idle(engine[1]))


def test_a_killed_server_ends_queries_when_it_is_back(
    start: Callable[..., Server], engine: tuple[str, psutil.Process]
) -> None:
    first = start(preload=SPARK_MODULES, SPARK_REMOTE=engine[0])
    run_id = start_long_query(first.client(), engine[1])
    child = task_process(first, run_id)
    zygote = psutil.Process(child).ppid()
    os.kill(zygote, signal.SIGSTOP)
    first.kill()
    os.kill(zygote, signal.SIGKILL)

    client = start(preload=SPARK_MODULES, SPARK_REMOTE=engine[0]).client()

    assert codes(ended(client, run_id)) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")
    wait_until(lambda: is_idle(engine[1]))
