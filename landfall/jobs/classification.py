"""Reading a run document: what its states and termination codes mean for a node.

The document carries two views of one state. ``status`` is the newer and decides; ``state`` is read where ``status``
is missing. A value that nobody knows is never taken for success.

Source:
    Databricks REST API 2.2, ``jobs/runs/get``: ``TerminationDetails``, ``RunState``, ``RunStatus``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from landfall.jobs.protocol import Failure, JobRunStatus, JobState

_GOING_ON = {
    "QUEUED": JobState.QUEUED,
    "PENDING": JobState.PENDING,
    "BLOCKED": JobState.PENDING,
    "WAITING": JobState.PENDING,
    "WAITING_FOR_RETRY": JobState.PENDING,
    "RUNNING": JobState.RUNNING,
    "TERMINATING": JobState.RUNNING,
}

_Verdict = tuple[JobState, Failure | None]
_SUCCEEDED: _Verdict = (JobState.SUCCEEDED, None)
_USER: _Verdict = (JobState.FAILED, Failure.USER)
_INFRASTRUCTURE: _Verdict = (JobState.FAILED, Failure.INFRASTRUCTURE)
_CAPACITY: _Verdict = (JobState.FAILED, Failure.CAPACITY)
_CANCELLED: _Verdict = (JobState.CANCELLED, Failure.CANCELLED)
_TIMED_OUT: _Verdict = (JobState.TIMED_OUT, Failure.USER)

_CODES: Mapping[str, _Verdict] = {
    "SUCCESS": _SUCCEEDED,
    "USER_CANCELED": _CANCELLED,
    # The platform's own cancel; with a time-out beside it, see `_ended`.
    "CANCELED": _INFRASTRUCTURE,
    # A job of one task has no part that may fail.
    "SUCCESS_WITH_FAILURES": _USER,
    "RUN_EXECUTION_ERROR": _USER,
    "INVALID_RUN_CONFIGURATION": _USER,
    "INVALID_CLUSTER_REQUEST": _USER,
    "LIBRARY_INSTALLATION_ERROR": _USER,
    "UNAUTHORIZED_ERROR": _USER,
    "RESOURCE_NOT_FOUND": _USER,
    "FEATURE_DISABLED": _USER,
    "BUDGET_POLICY_LIMIT_EXCEEDED": _USER,
    "SKIPPED": _USER,
    "DISABLED": _USER,
    "INTERNAL_ERROR": _INFRASTRUCTURE,
    "CLUSTER_ERROR": _INFRASTRUCTURE,
    "CLUSTER_TERMINATED_BY_USER": _INFRASTRUCTURE,
    "CLOUD_FAILURE": _INFRASTRUCTURE,
    "DRIVER_ERROR": _INFRASTRUCTURE,
    "STORAGE_ACCESS_ERROR": _INFRASTRUCTURE,
    "REPOSITORY_CHECKOUT_FAILED": _INFRASTRUCTURE,
    "WORKSPACE_RUN_LIMIT_EXCEEDED": _CAPACITY,
    "CLUSTER_REQUEST_LIMIT_EXCEEDED": _CAPACITY,
    "MAX_SPARK_CONTEXTS_EXCEEDED": _CAPACITY,
    "MAX_CONCURRENT_RUNS_EXCEEDED": _CAPACITY,
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": _CAPACITY,
}
_TYPES: Mapping[str, _Verdict] = {
    "CLIENT_ERROR": _USER,
    "INTERNAL_ERROR": _INFRASTRUCTURE,
    "CLOUD_FAILURE": _INFRASTRUCTURE,
}
_RESULTS: Mapping[str, _Verdict] = {
    "SUCCESS": _SUCCEEDED,
    "SUCCESS_WITH_FAILURES": _USER,
    "FAILED": _USER,
    "TIMEDOUT": _TIMED_OUT,
    "CANCELED": _CANCELLED,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": _CAPACITY,
    "EXCLUDED": _USER,
    "UPSTREAM_FAILED": _USER,
    "UPSTREAM_CANCELED": _USER,
    "DISABLED": _USER,
}
# The platform starts such a run again by itself, under the same id.
_STARTED_AGAIN = "BREAKING_CHANGE"

Json = Mapping[str, Any]


def classify(run: Json) -> JobRunStatus:
    """Return what a run document says; what it says in words that nobody knows counts as still going on."""
    status = run.get("status") or {}
    if not status.get("state"):
        return _by_state(run)
    if status["state"] != "TERMINATED":
        return _going_on(run, status["state"])
    return _ended(run)


def latest_attempts(run: Json) -> tuple[Json, ...]:
    """Return the last attempt of each task, in the order of the document."""
    latest: dict[str, Json] = {}
    for task in run.get("tasks") or ():
        known = latest.get(task.get("task_key", ""))
        if known is None or task.get("attempt_number", 0) >= known.get("attempt_number", 0):
            latest[task.get("task_key", "")] = task
    return tuple(latest.values())


def failed_task(run: Json) -> Json | None:
    """Return the first task whose last attempt ended without success, ``None`` if there is none."""
    for task in latest_attempts(run):
        code = _details(task).get("code") or (task.get("state") or {}).get("result_state")
        if code is not None and code != "SUCCESS":
            return task
    return None


def _ended(run: Json) -> JobRunStatus:
    details = _details(run)
    if details.get("code") == _STARTED_AGAIN:
        return _going_on(run, "PENDING", code=_STARTED_AGAIN)
    result = (run.get("state") or {}).get("result_state")
    # The code of the run can hide why its task failed, so the task is asked first.
    task = failed_task(run)
    asked = (_details(task), details) if task is not None else (details,)
    code = next((found["code"] for found in asked if found.get("code")), None)
    if result == "TIMEDOUT":
        return _status(run, _TIMED_OUT, code)
    verdict = _first(_CODES, (found.get("code") for found in asked))
    verdict = verdict or _first(_TYPES, (found.get("type") for found in asked))
    # An unknown code of the type SUCCESS is believed only if the older view agrees.
    if verdict is None and details.get("type") == "SUCCESS" and result == "SUCCESS":
        verdict = _SUCCEEDED
    return _status(run, verdict or _INFRASTRUCTURE, code)


def _by_state(run: Json) -> JobRunStatus:
    state = run.get("state") or {}
    life_cycle, result = state.get("life_cycle_state"), state.get("result_state")
    if life_cycle not in {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}:
        return _going_on(run, life_cycle)
    if result == "CANCELED" and not state.get("user_cancelled_or_timedout", True):
        return _status(run, _INFRASTRUCTURE, result)
    if result is not None and result in _RESULTS:
        return _status(run, _RESULTS[result], result)
    if life_cycle == "INTERNAL_ERROR":
        return _status(run, _INFRASTRUCTURE, life_cycle)
    if life_cycle == "SKIPPED":
        return _status(run, _CAPACITY, life_cycle)
    return _going_on(run, None, code=result)


def _going_on(run: Json, state: str | None, code: str | None = None) -> JobRunStatus:
    message = (run.get("state") or {}).get("state_message") or None
    return JobRunStatus(
        state=_GOING_ON.get(state or "", JobState.RUNNING),
        code=code,
        message=message,
        url=run.get("run_page_url"),
    )


def _status(run: Json, verdict: _Verdict, code: str | None) -> JobRunStatus:
    state, failure = verdict
    message = (run.get("state") or {}).get("state_message") or _details(run).get("message") or None
    return JobRunStatus(state=state, failure=failure, code=code, message=message, url=run.get("run_page_url"))


def _details(document: Json) -> Json:
    details: Json = (document.get("status") or {}).get("termination_details") or {}
    return details


def _first(verdicts: Mapping[str, _Verdict], names: Iterable[str | None]) -> _Verdict | None:
    return next((verdicts[name] for name in names if name is not None and name in verdicts), None)
