"""Runs as the server keeps them: their phases, their tasks and the ways in which they end."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Phase(StrEnum):
    """Where a run or a task stands; it only moves downwards in this list."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    ENDED = "ENDED"


class FailureMode(StrEnum):
    """How a failed run looks: serverless reports user failures as INTERNAL_ERROR, classic compute as TERMINATED."""

    SERVERLESS = "serverless"
    CLASSIC = "classic"


class QueueReason(StrEnum):
    """Why a run waits."""

    ACTIVE_RUNS_LIMIT_REACHED = "ACTIVE_RUNS_LIMIT_REACHED"
    MAX_CONCURRENT_RUNS_REACHED = "MAX_CONCURRENT_RUNS_REACHED"


QUEUE_MESSAGES = {
    QueueReason.ACTIVE_RUNS_LIMIT_REACHED: "Queued: every slot of this server is taken.",
    QueueReason.MAX_CONCURRENT_RUNS_REACHED: "Queued: the job runs as often as its max_concurrent_runs allows.",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run or a task ended, in the words of both generations of the API.

    Attributes:
        life_cycle: Last ``state.life_cycle_state``: TERMINATED, INTERNAL_ERROR or SKIPPED.
        result: ``state.result_state``; ``None`` where the API leaves it out.
        code: ``status.termination_details.code``.
        type: ``status.termination_details.type``: SUCCESS, CLIENT_ERROR, INTERNAL_ERROR or CLOUD_FAILURE.
        message: For people.
        stopped: Whether a cancel or a time-out ended it.
    """

    life_cycle: str
    result: str | None
    code: str
    type: str
    message: str
    stopped: bool = False

    @property
    def succeeded(self) -> bool:
        return self.result == "SUCCESS"


SUCCEEDED = Ending("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", "")
USER_FAILED = Ending(
    "TERMINATED",
    "FAILED",
    "RUN_EXECUTION_ERROR",
    "CLIENT_ERROR",
    "Workload failed, see run output for details.",
)
CANCELLED = Ending("TERMINATED", "CANCELED", "USER_CANCELED", "SUCCESS", "Run cancelled.", stopped=True)
TIMED_OUT = Ending(
    "TERMINATED",
    "TIMEDOUT",
    "CANCELED",
    "CLIENT_ERROR",
    "Run exceeded its timeout_seconds.",
    stopped=True,
)
UPSTREAM_FAILED = Ending(
    "SKIPPED",
    "UPSTREAM_FAILED",
    "SKIPPED",
    "CLIENT_ERROR",
    "Skipped: a task that it depends on did not succeed.",
)
SKIPPED_BY_LIMIT = Ending(
    "SKIPPED",
    "MAXIMUM_CONCURRENT_RUNS_REACHED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "CLIENT_ERROR",
    "Skipped: the job runs as often as its max_concurrent_runs allows, and its queue is off.",
)


def driver_lost(message: str) -> Ending:
    """Return the ending of a task whose process vanished without reporting an outcome."""
    return Ending("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR", "INTERNAL_ERROR", message)


@dataclass(slots=True)
class TaskRun:
    """One task of a run; ``definition`` is the task as submitted, its references resolved.

    Attributes:
        run_id: Its own id; output is asked for by it.
        parents: Keys of the tasks that must succeed before it starts.
        timeout_s: Longest execution in seconds, 0 for none.
        started_at_ms: Epoch milliseconds at which its process began, 0 before.
        ended_at_ms: Epoch milliseconds of its end, 0 before.
        error: Last line of the traceback, ``None`` unless it failed by itself.
        error_trace: The whole traceback.
    """

    run_id: int
    task_key: str
    definition: Json
    parents: tuple[str, ...] = ()
    timeout_s: int = 0
    phase: Phase = Phase.QUEUED
    ending: Ending | None = None
    started_at_ms: int = 0
    ended_at_ms: int = 0
    error: str | None = None
    error_trace: str | None = None


@dataclass(slots=True)
class Run:
    """One run with its tasks.

    Attributes:
        job_id: The saved job, or the run's own id for a one-time run.
        run_type: JOB_RUN or SUBMIT_RUN.
        parameters: ``{"name", "default", "value"}`` of every job parameter.
        max_concurrent_runs: Runs of its job at a time; ``None`` for a one-time run.
        timeout_s: Longest execution in seconds, 0 for none.
        created_at_ms: Epoch milliseconds of the request.
        started_at_ms: Epoch milliseconds at which it left the queue, 0 before.
        ended_at_ms: Epoch milliseconds of its end, 0 before.
    """

    run_id: int
    job_id: int
    run_name: str
    run_type: str
    number_in_job: int
    created_at_ms: int
    tasks: list[TaskRun]
    parameters: list[Json] = field(default_factory=list)
    max_concurrent_runs: int | None = None
    timeout_s: int = 0
    performance_target: str | None = None
    phase: Phase = Phase.QUEUED
    queue_reason: QueueReason | None = None
    ending: Ending | None = None
    started_at_ms: int = 0
    ended_at_ms: int = 0

    @property
    def active(self) -> bool:
        return self.phase is not Phase.ENDED

    def to_json(self) -> Json:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Json) -> "Run":
        return cls(
            **{
                **body,
                "tasks": [_task_from_json(task) for task in body["tasks"]],
                "phase": Phase(body["phase"]),
                "queue_reason": QueueReason(body["queue_reason"]) if body["queue_reason"] else None,
                "ending": _ending_from_json(body["ending"]),
            }
        )


def _task_from_json(body: Json) -> TaskRun:
    return TaskRun(
        **{
            **body,
            "parents": tuple(body["parents"]),
            "phase": Phase(body["phase"]),
            "ending": _ending_from_json(body["ending"]),
        }
    )


def _ending_from_json(body: Json | None) -> Ending | None:
    return None if body is None else Ending(**body)


def run_ending(tasks: list[TaskRun], mode: FailureMode) -> Ending:
    """Return how a run ends whose tasks have all ended: as its first task that did not succeed."""
    bad = next((task for task in tasks if task.ending is not None and not task.ending.succeeded), None)
    if bad is None or bad.ending is None:
        return SUCCEEDED
    ending = bad.ending
    if ending.stopped:
        return ending
    failed_by_itself = ending == USER_FAILED and mode is FailureMode.SERVERLESS
    return Ending(
        life_cycle="INTERNAL_ERROR" if failed_by_itself else ending.life_cycle,
        result=ending.result,
        code=ending.code,
        type=ending.type,
        message=f"Task {bad.task_key} failed with message: {ending.message}",
    )
