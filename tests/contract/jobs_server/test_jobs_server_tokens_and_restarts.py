"""What survives: idempotency tokens, queued runs, and the truth about runs whose server or parent died."""

import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from databricks.sdk.errors import InvalidParameterValue

from tests.contract.jobs_server.serving import (
    Client,
    Server,
    codes,
    ended,
    process_exists,
    run_and_wait,
    state_of,
    submit,
    task_process,
    wait_until,
    wheel_task,
)
from tests.loopback import PATIENCE_S

Start = Callable[..., Server]


def test_a_token_runs_once(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "log"
    task = wheel_task("append", named={"file": str(log), "line": "x"})

    with ThreadPoolExecutor(10) as threads:
        run_ids = set(threads.map(lambda _: submit(client, task, idempotency_token="parallel"), range(10)))

    assert len(run_ids) == 1
    ended(client, run_ids.pop())
    assert log.read_text() == "x\n"


def test_a_token_gives_a_failed_run_again(client: Client) -> None:
    failed = run_and_wait(client, wheel_task("fail"), idempotency_token="failed")

    assert submit(client, wheel_task("ok"), idempotency_token="failed") == failed.run_id


def test_the_token_of_a_deleted_run_is_refused(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok"), idempotency_token="deleted")
    client.jobs.delete_run(run.run_id)

    with pytest.raises(InvalidParameterValue, match="was deleted"):
        submit(client, wheel_task("ok"), idempotency_token="deleted")


def test_a_token_has_at_most_64_characters(client: Client) -> None:
    with pytest.raises(InvalidParameterValue, match="64"):
        submit(client, wheel_task("ok"), idempotency_token="x" * 65)


def test_tokens_runs_and_jobs_survive_a_restart(start: Start) -> None:
    first = start()
    run = run_and_wait(first.client(), wheel_task("ok"), idempotency_token="restart")
    first.stop()

    client = start().client()

    assert submit(client, wheel_task("ok"), idempotency_token="restart") == run.run_id
    again = client.jobs.get_run(run.run_id)
    assert (again.state, again.tasks[0].run_id) == (run.state, run.tasks[0].run_id)
    assert submit(client, wheel_task("ok")) > run.tasks[0].run_id


def start_waiting(server: Server) -> tuple[int, int]:
    """Return a run that is at work, and its process."""
    client = server.client()
    run_id = submit(client, wheel_task("wait"))
    wait_until(lambda: state_of(client.jobs.get_run(run_id)) == "RUNNING")
    return run_id, task_process(server, run_id)


def test_a_killed_server_loses_its_runs_and_keeps_its_queue(start: Start) -> None:
    first = start(slots=1)
    run_id, pid = start_waiting(first)
    queued = submit(first.client(), wheel_task("ok"))
    zygote = psutil.Process(pid).ppid()
    first.kill()

    client = start(slots=1).client()
    lost = ended(client, run_id)

    assert codes(lost) == codes(lost.tasks[0]) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")
    wait_until(lambda: not process_exists(pid) and not process_exists(zygote))
    assert ended(client, queued).state.result_state.value == "SUCCESS"


def test_a_task_left_by_two_dead_parents_is_found_and_ended(start: Start) -> None:
    first = start()
    _, pid = start_waiting(first)
    zygote = psutil.Process(pid).ppid()
    # Frozen, the warm process cannot clean up after the server.
    os.kill(zygote, signal.SIGSTOP)
    first.kill()
    os.kill(zygote, signal.SIGKILL)
    assert process_exists(pid)

    start()

    wait_until(lambda: not process_exists(pid))


def test_a_stopped_server_ends_its_tasks(start: Start) -> None:
    first = start()
    run_id, pid = start_waiting(first)

    first.stop()

    assert not process_exists(pid)
    assert codes(start().client().jobs.get_run(run_id)) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")


def test_the_death_of_the_warm_process_loses_its_tasks_and_nothing_else(start: Start) -> None:
    server = start()
    client = server.client()
    run_id, pid = start_waiting(server)

    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    lost = ended(client, run_id)

    assert codes(lost) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")
    assert not process_exists(pid)
    assert run_and_wait(client, wheel_task("ok")).state.result_state.value == "SUCCESS"


def test_a_port_in_use_is_named(start: Start, tmp_path: Path) -> None:
    first = start()
    port = first.url.rpartition(":")[2]
    command = [port if argument == "0" else argument for argument in first.command]
    other_data = [
        str(tmp_path / "other") if argument == str(first.data) else argument for argument in command
    ]

    second = subprocess.run(other_data, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)

    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}".encode() in second.stderr


def test_a_second_server_on_the_same_data_leaves_the_first_alone(start: Start) -> None:
    first = start()
    run_id, _ = start_waiting(first)

    second = subprocess.run(first.command, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)

    assert second.returncode == 1
    assert b"another one works in" in second.stderr
    assert state_of(first.client().jobs.get_run(run_id)) == "RUNNING"


def test_changed_code_is_used_by_the_next_task_and_spares_the_running_one(start: Start, wheel: Path) -> None:
    server = start()
    client = server.client()
    waiting, pid = start_waiting(server)
    module = wheel / "landfall_test_jobs.py"
    source = module.read_text()
    try:
        module.write_text(source.replace('print("argv", sys.argv)', 'print("changed")'))
        changed = run_and_wait(client, wheel_task("ok"))
    finally:
        module.write_text(source)

    assert client.jobs.get_run_output(changed.tasks[0].run_id).logs == "changed\n"
    assert state_of(client.jobs.get_run(waiting)) == "RUNNING"
    client.jobs.cancel_run(waiting)
    assert ended(client, waiting).state.result_state.value == "CANCELED"
    assert not process_exists(pid)
