"""How the platform's word and the job's result are weighed."""

from typing import Any

import pytest

from landfall.runs.backoff import poll_delay, retry_delay
from landfall.runs.node_result import UnreadableResult, parse_node_result
from landfall.runs.states import NodeState
from landfall.runs.verdict import weigh
from landfall.runs.work import JobEnd, JobOutcome


def a_result(error: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": "r",
        "node": "n",
        "attempt": 1,
        "status": "failed" if error else "succeeded",
        "rows_read": 10,
        "rows_published": 8,
        "rows_quarantined": 2,
        "rules": [],
        "files": [],
        "output": {"name": "t", "uri": "u", "version": 3, "columns": []},
        "inputs": [],
        "load": None,
        "timings_s": {},
        "error": error,
    } | changes


def test_success_needs_both_the_platform_and_the_result() -> None:
    verdict = weigh(JobOutcome(end=JobEnd.SUCCEEDED), a_result())

    assert verdict.state is NodeState.SUCCEEDED
    assert (verdict.rows_read, verdict.rows_published, verdict.table_version) == (10, 8, 3)


def test_an_incremental_node_that_read_everything_says_why() -> None:
    whole = {"mode": "full", "reason": "orders was changed in version 3, and not by adding rows"}

    verdict = weigh(JobOutcome(end=JobEnd.SUCCEEDED), a_result(load=whole))

    assert verdict.reason == "read whole: orders was changed in version 3, and not by adding rows"


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (JobOutcome(end=JobEnd.SUCCEEDED), None),
        (JobOutcome(end=JobEnd.FAILED, reason="driver lost", retryable=True), None),
        (JobOutcome(end=JobEnd.FAILED, reason="driver lost"), a_result()),
    ],
)
def test_what_may_pass_by_itself_is_tried_again(outcome: JobOutcome, result: dict[str, Any] | None) -> None:
    verdict = weigh(outcome, result)

    assert verdict.state is NodeState.FAILED
    assert verdict.retryable


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        ("definition", False),
        ("data", False),
        ("quality_gate", False),
        ("conflict", True),
        ("storage", True),
        ("engine", True),
    ],
)
def test_the_kind_of_an_error_decides_whether_it_is_tried_again(kind: str, retryable: bool) -> None:
    result = a_result(error={"code": "SR1", "kind": kind, "message": "no"})

    verdict = weigh(JobOutcome(end=JobEnd.FAILED), result)

    assert verdict.state is NodeState.FAILED
    assert verdict.retryable is retryable
    assert verdict.reason == "no"


@pytest.mark.parametrize(("kind", "retryable"), [("engine", True), ("storage", True), ("definition", False)])
def test_a_job_that_lost_its_engine_says_so_in_its_last_words(kind: str, retryable: bool) -> None:
    words = f"spark_runtime.main.NodeFailed: LF4562 ({kind}): operation not found: 4a68d672"

    verdict = weigh(JobOutcome(end=JobEnd.FAILED, error_code="RUN_EXECUTION_ERROR", reason=words), None)

    assert verdict.retryable is retryable
    assert verdict.error_code == "LF4562"
    assert verdict.reason == "operation not found: 4a68d672"


def test_a_cancelled_job_is_a_cancelled_node_whatever_it_wrote() -> None:
    assert weigh(JobOutcome(end=JobEnd.CANCELLED), a_result()).state is NodeState.CANCELLED


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_a_result_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnreadableResult):
        parse_node_result(text)


def test_retries_wait_longer_each_time_and_the_same_on_every_replay() -> None:
    delays = [retry_delay("r/n", attempt).total_seconds() for attempt in (1, 2, 3, 20)]

    assert delays == [retry_delay("r/n", attempt).total_seconds() for attempt in (1, 2, 3, 20)]
    assert 4 <= delays[0] < 6
    assert 8 <= delays[1] < 12
    assert 240 <= delays[3] < 360
    with pytest.raises(ValueError, match="counted from 1"):
        retry_delay("r/n", 0)


def test_a_woken_node_looks_at_once_and_a_waiting_one_ever_less_often() -> None:
    assert poll_delay(0, woken=True).total_seconds() == 0.1
    assert [poll_delay(polls, woken=False).total_seconds() for polls in (0, 1, 100)] == [2, 4, 30]
