"""What a run document means for a node, value by value."""

from typing import Any

import pytest

from landfall.jobs.classification import classify, failed_task, latest_attempts
from landfall.jobs.protocol import Failure, JobState

USER = (JobState.FAILED, Failure.USER)
INFRASTRUCTURE = (JobState.FAILED, Failure.INFRASTRUCTURE)
CAPACITY = (JobState.FAILED, Failure.CAPACITY)
GOES_ON = (JobState.RUNNING, None)


def terminated(code: str | None, type_: str | None = None, **state: Any) -> dict[str, Any]:
    details = {key: value for key, value in (("code", code), ("type", type_)) if value is not None}
    return {"state": state, "status": {"state": "TERMINATED", "termination_details": details}}


def verdict(run: dict[str, Any]) -> tuple[JobState, Failure | None]:
    status = classify(run)
    return status.state, status.failure


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("QUEUED", JobState.QUEUED),
        ("PENDING", JobState.PENDING),
        ("BLOCKED", JobState.PENDING),
        ("WAITING", JobState.PENDING),
        ("RUNNING", JobState.RUNNING),
        ("TERMINATING", JobState.RUNNING),
        ("SOMETHING_NEW", JobState.RUNNING),
    ],
)
def test_an_active_run_goes_on(state: str, expected: JobState) -> None:
    assert verdict({"status": {"state": state}}) == (expected, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SUCCESS", (JobState.SUCCEEDED, None)),
        ("SUCCESS_WITH_FAILURES", USER),
        ("RUN_EXECUTION_ERROR", USER),
        ("LIBRARY_INSTALLATION_ERROR", USER),
        ("UNAUTHORIZED_ERROR", USER),
        ("SKIPPED", USER),
        ("DRIVER_ERROR", INFRASTRUCTURE),
        ("CLUSTER_ERROR", INFRASTRUCTURE),
        ("CLUSTER_TERMINATED_BY_USER", INFRASTRUCTURE),
        ("CANCELED", INFRASTRUCTURE),
        ("WORKSPACE_RUN_LIMIT_EXCEEDED", CAPACITY),
        ("MAX_CONCURRENT_RUNS_EXCEEDED", CAPACITY),
        ("USER_CANCELED", (JobState.CANCELLED, Failure.CANCELLED)),
        ("BREAKING_CHANGE", (JobState.PENDING, None)),
    ],
)
def test_an_ended_run_is_judged_by_its_code(code: str, expected: tuple[JobState, Failure | None]) -> None:
    assert verdict(terminated(code)) == expected


@pytest.mark.parametrize("life_cycle", ["INTERNAL_ERROR", "TERMINATED"])
def test_serverless_and_classic_failures_are_the_same(life_cycle: str) -> None:
    run = terminated(
        "RUN_EXECUTION_ERROR", "CLIENT_ERROR", life_cycle_state=life_cycle, result_state="FAILED"
    )

    assert verdict(run) == USER


def test_a_time_out_is_told_from_a_cancel_by_the_older_view() -> None:
    assert verdict(terminated("CANCELED", result_state="TIMEDOUT")) == (JobState.TIMED_OUT, Failure.USER)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [("CLIENT_ERROR", USER), ("INTERNAL_ERROR", INFRASTRUCTURE), ("CLOUD_FAILURE", INFRASTRUCTURE)],
)
def test_an_unknown_code_is_judged_by_its_type(type_: str, expected: tuple[JobState, Failure]) -> None:
    assert verdict(terminated("NEW_CODE", type_)) == expected
    assert classify(terminated("NEW_CODE", type_)).code == "NEW_CODE"


@pytest.mark.parametrize(
    "run",
    [
        terminated("NEW_CODE"),
        terminated("NEW_CODE", "SUCCESS"),
        terminated(None, "NEW_TYPE"),
        terminated(None),
        {"status": {"state": "TERMINATED"}},
        {"status": {"state": "FINISHED"}},
        {"state": {"life_cycle_state": "TERMINATED", "result_state": "GREAT"}},
        {"state": {"life_cycle_state": "DONE", "result_state": "SUCCESS"}},
        {"state": {}},
        {},
    ],
)
def test_what_nobody_knows_is_never_success(run: dict[str, Any]) -> None:
    assert classify(run).state is not JobState.SUCCEEDED


def test_the_task_knows_better_than_its_run() -> None:
    run = terminated("RUN_EXECUTION_ERROR", "CLIENT_ERROR", result_state="FAILED")
    run["tasks"] = [{"task_key": "node", **terminated("DRIVER_ERROR", "INTERNAL_ERROR")}]

    assert verdict(run) == INFRASTRUCTURE
    assert classify(run).code == "DRIVER_ERROR"


def test_the_last_attempt_of_a_task_counts() -> None:
    first = {"task_key": "node", "attempt_number": 0, **terminated("DRIVER_ERROR")}
    second = {"task_key": "node", "attempt_number": 1, **terminated("SUCCESS")}
    run = {**terminated("SUCCESS"), "tasks": [second, first]}

    assert latest_attempts(run) == (second,)
    assert failed_task(run) is None
    assert verdict(run) == (JobState.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"life_cycle_state": "QUEUED"}, (JobState.QUEUED, None)),
        ({"life_cycle_state": "WAITING_FOR_RETRY"}, (JobState.PENDING, None)),
        ({"life_cycle_state": "TERMINATING"}, GOES_ON),
        ({"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}, (JobState.SUCCEEDED, None)),
        ({"life_cycle_state": "TERMINATED", "result_state": "FAILED"}, USER),
        ({"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED"}, USER),
        ({"life_cycle_state": "INTERNAL_ERROR"}, INFRASTRUCTURE),
        ({"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}, (JobState.TIMED_OUT, Failure.USER)),
        (
            {"life_cycle_state": "TERMINATED", "result_state": "CANCELED"},
            (JobState.CANCELLED, Failure.CANCELLED),
        ),
        (
            {
                "life_cycle_state": "TERMINATED",
                "result_state": "CANCELED",
                "user_cancelled_or_timedout": False,
            },
            INFRASTRUCTURE,
        ),
        ({"life_cycle_state": "SKIPPED"}, CAPACITY),
        ({"life_cycle_state": "SKIPPED", "result_state": "MAXIMUM_CONCURRENT_RUNS_REACHED"}, CAPACITY),
        ({"life_cycle_state": "TERMINATED"}, GOES_ON),
    ],
)
def test_without_a_status_the_older_view_decides(
    state: dict[str, Any], expected: tuple[JobState, Failure | None]
) -> None:
    assert verdict({"state": state}) == expected


def test_message_and_page_are_kept() -> None:
    run = {**terminated("DRIVER_ERROR", state_message="gone"), "run_page_url": "https://page"}

    status = classify(run)

    assert (status.message, status.url) == ("gone", "https://page")
