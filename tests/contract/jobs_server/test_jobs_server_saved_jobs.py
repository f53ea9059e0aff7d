"""Saved jobs: their settings, their parameters, and how many of their runs may be active."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.jobs import JobParameterDefinition, JobRunAs, JobSettings, QueueSettings, Task

from tests.contract.jobs_server.serving import (
    ENVIRONMENTS,
    Client,
    codes,
    ended,
    state_of,
    wait_until,
    wheel_task,
)


def task(entry_point: str, **named: str) -> Task:
    return Task.from_dict(wheel_task(entry_point, named=named or None).as_dict())


def create(client: Client, *tasks: Task, **settings: object) -> int:
    return int(client.jobs.create(tasks=list(tasks), environments=ENVIRONMENTS, **settings).job_id)


@pytest.fixture
def printing_job(client: Client) -> Iterator[int]:
    job_id = create(
        client,
        task("ok", x="{{job.parameters.x}}", run="{{job.run_id}}"),
        name="printing",
        parameters=[JobParameterDefinition("x", "one"), JobParameterDefinition("y", "")],
    )
    yield job_id
    client.jobs.delete(job_id)


def test_parameters_of_a_run_override_those_of_the_job(client: Client, printing_job: int) -> None:
    run_id = client.jobs.run_now(printing_job, job_parameters={"x": "two"}).run_id

    run = ended(client, run_id)

    logs = client.jobs.get_run_output(run.tasks[0].run_id).logs
    assert logs == f"argv ['landfall_test_jobs', '--x=two', '--run={run_id}']\n"
    assert [(p.name, p.default, p.value) for p in run.job_parameters] == [("x", "one", "two"), ("y", "", "")]
    assert (run.job_id, run.run_name, run.run_type.value) == (printing_job, "printing", "JOB_RUN")


def test_a_parameter_that_the_job_lacks_is_refused(client: Client, printing_job: int) -> None:
    with pytest.raises(InvalidParameterValue, match="no parameter 'z'"):
        client.jobs.run_now(printing_job, job_parameters={"z": "1"})


def test_running_an_unknown_job_is_refused(client: Client) -> None:
    with pytest.raises(InvalidParameterValue, match="Job 9 does not exist"):
        client.jobs.run_now(9)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(9)


def test_a_token_gives_the_same_run_of_a_job(client: Client, printing_job: int) -> None:
    first = client.jobs.run_now(printing_job, idempotency_token="job-token").run_id
    second = client.jobs.run_now(printing_job, idempotency_token="job-token").run_id

    assert first == second


def test_reset_replaces_everything_but_who_runs_it(client: Client) -> None:
    who = JobRunAs(user_name="someone@contoso.example")
    job_id = create(client, task("ok"), name="before", run_as=who, timeout_seconds=5)

    new = JobSettings(name="after", tasks=[task("fail")], environments=ENVIRONMENTS)
    client.jobs.reset(job_id, new)
    settings = client.jobs.get(job_id).settings

    assert settings.name == "after"
    assert settings.timeout_seconds is None
    assert settings.run_as == who
    assert settings.tasks[0].python_wheel_task.entry_point == "fail"


def test_update_leaves_the_rest_alone(client: Client) -> None:
    job_id = create(client, task("ok"), name="updated", timeout_seconds=5)

    client.jobs.update(
        job_id, new_settings=JobSettings(max_concurrent_runs=7), fields_to_remove=["timeout_seconds"]
    )
    settings = client.jobs.get(job_id).settings

    assert settings.max_concurrent_runs == 7
    assert settings.timeout_seconds is None
    assert settings.tasks[0].python_wheel_task.entry_point == "ok"


def test_jobs_are_found_by_their_whole_name(client: Client) -> None:
    wanted = create(client, task("ok"), name="Daily load")
    create(client, task("ok"), name="Daily load 2")

    found = list(client.jobs.list(name="daily LOAD"))

    assert [job.job_id for job in found] == [wanted]


def test_jobs_come_in_pages(client: Client) -> None:
    made = {create(client, task("ok"), name=f"page {number}") for number in range(5)}

    listed = [job.job_id for job in client.jobs.list(limit=2)]

    assert made <= set(listed)
    assert len(listed) == len(set(listed))


def test_runs_beyond_the_limit_of_their_job_wait(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    job_id = create(client, task("hold", until=str(gate)), name="one at a time", max_concurrent_runs=1)
    first, second = (client.jobs.run_now(job_id).run_id for _ in range(2))
    wait_until(lambda: state_of(client.jobs.get_run(first)) == "RUNNING")

    waiting = client.jobs.get_run(second)
    gate.touch()

    assert waiting.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    assert ended(client, second).state.result_state.value == "SUCCESS"


def test_without_a_queue_runs_beyond_the_limit_are_skipped(client: Client) -> None:
    job_id = create(client, task("wait"), name="no queue", queue=QueueSettings(enabled=False))
    client.jobs.run_now(job_id)

    run = ended(client, client.jobs.run_now(job_id).run_id)

    assert codes(run) == ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED")
    client.jobs.wait_get_run_job_terminated_or_skipped(run.run_id)


def test_a_job_that_allows_no_runs_skips_them(client: Client) -> None:
    job_id = create(client, task("ok"), name="switched off", max_concurrent_runs=0)

    run = ended(client, client.jobs.run_now(job_id).run_id)

    assert run.state.life_cycle_state.value == "SKIPPED"


def test_all_runs_of_a_job_are_cancelled_at_once(client: Client) -> None:
    job_id = create(client, task("wait"), name="many", max_concurrent_runs=10)
    run_ids = [client.jobs.run_now(job_id).run_id for _ in range(4)]

    client.jobs.cancel_all_runs(job_id=job_id)

    assert {ended(client, run_id).state.result_state.value for run_id in run_ids} == {"CANCELED"}
