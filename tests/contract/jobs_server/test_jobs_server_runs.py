"""How runs start, end and show it: both views of the state, output, cancel, time-outs."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from databricks.sdk.errors import (
    InvalidParameterValue,
    InvalidState,
    OperationFailed,
    ResourceDoesNotExist,
)
from databricks.sdk.service.compute import ClusterSpec, Library
from databricks.sdk.service.jobs import RunType, SubmitTask

from tests.contract.jobs_server.serving import (
    Client,
    Server,
    codes,
    ended,
    process_exists,
    run_and_wait,
    state_of,
    submit,
    wait_until,
    wheel_task,
)


def test_a_run_that_succeeds(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok"))

    assert run.run_name == "Untitled"
    assert codes(run) == codes(run.tasks[0]) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert run.start_time <= run.end_time
    assert min(run.queue_duration, run.setup_duration, run.execution_duration, run.run_duration) >= 0
    assert run.run_page_url.startswith("http://127.0.0.1:")


def test_named_parameters_arrive_whole(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok", named={"spec-uri": "a b=c", "city": "Zürich"}))

    logs = client.jobs.get_run_output(run.tasks[0].run_id).logs

    assert logs == "argv ['landfall_test_jobs', '--spec-uri=a b=c', '--city=Zürich']\n"


def test_listed_parameters_keep_their_order(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok", listed=["--b", "2", "--a=1"]))

    assert (
        "['landfall_test_jobs', '--b', '2', '--a=1']" in client.jobs.get_run_output(run.tasks[0].run_id).logs
    )


def test_a_failure_looks_like_serverless(client: Client) -> None:
    run_id = submit(client, wheel_task("fail"))
    run = ended(client, run_id)

    assert codes(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
    assert run.state.state_message == (
        "Task node failed with message: Workload failed, see run output for details."
    )
    assert codes(run.tasks[0]) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    with pytest.raises(OperationFailed):
        client.jobs.wait_get_run_job_terminated_or_skipped(run_id)


def test_a_failure_can_look_like_classic_compute(start: Callable[..., Server]) -> None:
    client = start(mode="classic").client()

    run = run_and_wait(client, wheel_task("fail"))

    assert codes(run) == codes(run.tasks[0]) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")


def test_the_output_of_a_failure_has_its_error(client: Client) -> None:
    run = run_and_wait(client, wheel_task("fail"))

    told = client.jobs.get_run_output(run.tasks[0].run_id)

    assert told.metadata.run_id == run.tasks[0].run_id
    assert told.error == "ValueError: the input is wrong: café"
    assert told.error_trace.startswith("Traceback")
    assert told.logs.startswith("about to fail\nTraceback")
    assert told.logs.endswith("café\n")
    assert "jobs_server" not in told.error_trace


@pytest.mark.parametrize(
    ("entry_point", "result"), [("leave", "FAILED"), ("leave_well", "SUCCESS"), ("not_there", "FAILED")]
)
def test_leaving_counts_by_its_status(client: Client, entry_point: str, result: str) -> None:
    run = run_and_wait(client, wheel_task(entry_point))

    assert run.state.result_state.value == result


def test_a_missing_entry_point_is_named(client: Client) -> None:
    run = run_and_wait(client, wheel_task("not_there"))

    assert "'not_there'" in client.jobs.get_run_output(run.tasks[0].run_id).error


def test_only_the_last_five_megabytes_of_output_come_back(client: Client) -> None:
    run = run_and_wait(client, wheel_task("print_six_megabytes"))

    told = client.jobs.get_run_output(run.tasks[0].run_id)

    assert told.logs_truncated
    assert len(told.logs.encode()) == 5 * 1024 * 1024
    assert told.logs.splitlines()[-1].startswith("006143")


def test_output_belongs_to_tasks(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok", "a"), wheel_task("ok", "b"))

    with pytest.raises(InvalidParameterValue, match="multiple tasks is not supported"):
        client.jobs.get_run_output(run.run_id)


def test_a_task_that_runs_shows_no_logs_yet(client: Client) -> None:
    run_id = submit(client, wheel_task("wait"))
    wait_until(lambda: state_of(client.jobs.get_run(run_id)) == "RUNNING")

    told = client.jobs.get_run_output(client.jobs.get_run(run_id).tasks[0].run_id)

    assert told.logs is None
    assert told.metadata.run_id is not None


def test_states_never_go_back(client: Client, tmp_path: Path) -> None:
    run_id = submit(client, wheel_task("hold", named={"until": str(tmp_path / "go")}))
    seen: list[str] = []

    def reaches(state: str) -> bool:
        seen.append(state_of(client.jobs.get_run(run_id)))
        return seen[-1] == state

    wait_until(lambda: reaches("RUNNING"))
    (tmp_path / "go").touch()
    wait_until(lambda: reaches("TERMINATED"))

    order = ["QUEUED", "PENDING", "RUNNING", "TERMINATING", "TERMINATED"]
    assert [order.index(state) for state in seen] == sorted(order.index(state) for state in seen)


def test_a_killed_process_is_a_lost_driver(client: Client) -> None:
    run = run_and_wait(client, wheel_task("die"))

    assert codes(run) == ("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR")
    assert run.status.termination_details.type.value == "INTERNAL_ERROR"
    assert "SIGKILL" in run.state.state_message


@pytest.mark.parametrize("where", ["run", "task"])
def test_a_run_that_takes_too_long_is_ended(client: Client, where: str) -> None:
    run_limit, task_limit = (1, None) if where == "run" else (None, 1)

    run = run_and_wait(client, wheel_task("wait", timeout_seconds=task_limit), timeout_seconds=run_limit)

    assert codes(run) == ("TERMINATED", "TIMEDOUT", "CANCELED")
    assert run.state.user_cancelled_or_timedout


def test_cancel_ends_the_whole_process_group(client: Client, tmp_path: Path) -> None:
    pid_file = tmp_path / "pids"
    run_id = submit(client, wheel_task("start_child", named={"pid-file": str(pid_file)}))
    wait_until(pid_file.exists)
    pids = [int(pid) for pid in pid_file.read_text().split()]
    assert all(process_exists(pid) for pid in pids)

    client.jobs.cancel_run(run_id)
    run = ended(client, run_id)

    assert codes(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    assert run.state.user_cancelled_or_timedout
    assert not any(process_exists(pid) for pid in pids)
    # What was printed before is not lost with the process.
    assert client.jobs.get_run_output(run.tasks[0].run_id).logs == "started a child\n"


def test_cancelling_a_finished_run_changes_nothing(client: Client) -> None:
    run = run_and_wait(client, wheel_task("ok"))

    client.jobs.cancel_run(run.run_id)

    assert client.jobs.get_run(run.run_id).as_dict() == run.as_dict()


def test_cancelling_an_unknown_run_is_refused(client: Client) -> None:
    with pytest.raises(InvalidParameterValue, match="Run 5 does not exist"):
        client.jobs.cancel_run(5)


def test_runs_beyond_the_slots_wait_and_then_run_in_order(client: Client, tmp_path: Path) -> None:
    gate, log = tmp_path / "go", tmp_path / "log"
    holding = [submit(client, wheel_task("hold", named={"until": str(gate)})) for _ in range(2)]
    waiting = [
        submit(client, wheel_task("append", named={"file": str(log), "line": str(number)}))
        for number in range(3)
    ]
    queued = client.jobs.get_run(waiting[0])
    assert state_of(queued) == "QUEUED"
    assert queued.status.queue_details.code.value == "ACTIVE_RUNS_LIMIT_REACHED"
    client.jobs.cancel_run(waiting[1])

    gate.touch()
    runs = [ended(client, run_id) for run_id in holding + waiting]

    results = [run.state.result_state.value for run in runs]
    assert results == ["SUCCESS", "SUCCESS", "SUCCESS", "CANCELED", "SUCCESS"]
    assert sorted(log.read_text().split()) == ["0", "2"]
    assert runs[3].tasks[0].execution_duration == 0


def test_tasks_follow_their_parents(client: Client, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    tasks = [
        wheel_task("append", "last", named={"file": log, "line": "last"}, after=["middle"]),
        wheel_task("append", "middle", named={"file": log, "line": "middle"}, after=["first"]),
        wheel_task("append", "first", named={"file": log, "line": "first"}),
    ]

    run_and_wait(client, *tasks)

    assert Path(log).read_text().split() == ["first", "middle", "last"]


def test_a_failure_skips_what_depends_on_it(client: Client) -> None:
    run = run_and_wait(
        client, wheel_task("fail", "a"), wheel_task("ok", "b", after=["a"]), wheel_task("ok", "c")
    )

    results = {task.task_key: task.state.result_state.value for task in run.tasks}

    assert results == {"a": "FAILED", "b": "UPSTREAM_FAILED", "c": "SUCCESS"}
    assert run.state.result_state.value == "FAILED"


def test_tasks_come_in_pages_of_a_hundred(client: Client) -> None:
    run_id = submit(client, *[wheel_task("wait", f"t{number}") for number in range(150)])

    first = client.api_client.do("GET", "/api/2.2/jobs/runs/get", query={"run_id": run_id})
    whole = client.jobs.get_run(run_id)

    assert len(first["tasks"]) == 100
    assert len({task.run_id for task in whole.tasks}) == 150


def test_compute_is_taken_as_it_is(client: Client) -> None:
    pool = ClusterSpec(spark_version="16.4.x-scala2.12", instance_pool_id="pool-1", num_workers=0)
    libraries = [Library(whl="/Volumes/c/s/w/x-1.0-py3-none-any.whl")]
    on_cluster = wheel_task(
        "ok", "a", environment_key=None, existing_cluster_id="0101-x", libraries=libraries
    )
    on_pool = wheel_task("ok", "b", environment_key=None, new_cluster=pool)

    run = run_and_wait(client, on_cluster, on_pool)

    shown = {task.task_key: task for task in run.tasks}
    assert shown["a"].existing_cluster_id == "0101-x"
    assert shown["b"].new_cluster.instance_pool_id == "pool-1"


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "At least one task"),
        (
            [wheel_task("ok", environment_key="other")],
            "environment 'other' used by task 'node' is not defined",
        ),
        ([wheel_task("ok", environment_key=None)], "environment is required"),
        ([wheel_task("ok", existing_cluster_id="x")], "both environment_key and existing_cluster_id"),
        ([wheel_task("ok"), wheel_task("ok")], "used by two tasks"),
        ([wheel_task("ok", "a b")], "task_key is required"),
        ([wheel_task("ok", "a", after=["b"]), wheel_task("ok", "b", after=["a"])], "circle"),
        ([wheel_task("ok", "a", after=["z"])], "'z', which is not a task"),
        ([wheel_task("ok", named={"a": "1"}, listed=["--a"])], "both parameters and named_parameters"),
    ],
)
def test_a_wrong_submit_is_refused(client: Client, tasks: list[SubmitTask], message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        submit(client, *tasks)


def test_runs_are_listed_newest_first_in_pages(client: Client) -> None:
    started_at = int(time.time() * 1000)
    run_ids = [submit(client, wheel_task("ok")) for _ in range(7)]
    for run_id in run_ids:
        ended(client, run_id)

    listed = list(client.jobs.list_runs(limit=3, start_time_from=started_at))

    assert [run.run_id for run in listed] == run_ids[::-1]


def test_listed_runs_are_filtered(client: Client) -> None:
    done = submit(client, wheel_task("ok"))
    ended(client, done)
    active = submit(client, wheel_task("wait"))

    assert [run.run_id for run in client.jobs.list_runs(active_only=True)] == [active]
    assert done in [run.run_id for run in client.jobs.list_runs(completed_only=True)]
    assert [run.run_id for run in client.jobs.list_runs(job_id=active)] == [active]
    assert done not in [run.run_id for run in client.jobs.list_runs(run_type=RunType.JOB_RUN)]
    with pytest.raises(InvalidParameterValue):
        list(client.jobs.list_runs(active_only=True, completed_only=True))
    with pytest.raises(InvalidParameterValue):
        list(client.jobs.list_runs(limit=26))


def test_a_deleted_run_is_gone_but_an_active_one_stays(client: Client) -> None:
    done = submit(client, wheel_task("ok"))
    ended(client, done)
    active = submit(client, wheel_task("wait"))

    client.jobs.delete_run(done)
    with pytest.raises(InvalidState):
        client.jobs.delete_run(active)

    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get_run(done)


def test_each_task_has_a_spark_session_of_its_own(start: Callable[..., Server]) -> None:
    client = start(SPARK_REMOTE="sc://127.0.0.1:1/;user_id=me").client()
    runs = [run_and_wait(client, wheel_task("show_spark_remote")) for _ in range(2)]

    remotes = [client.jobs.get_run_output(run.tasks[0].run_id).logs.strip() for run in runs]

    assert len(set(remotes)) == 2
    assert all(remote.startswith("sc://127.0.0.1:1/;user_id=me;session_id=") for remote in remotes)


def test_a_run_document_shows_both_views(client: Client) -> None:
    run_id = submit(client, wheel_task("wait"))

    document = client.api_client.do("GET", "/api/2.2/jobs/runs/get", query={"run_id": run_id})

    for part in (document, document["tasks"][0]):
        assert part["state"]["life_cycle_state"] == part["status"]["state"]
    assert document["end_time"] == 0
    json.dumps(document)
