"""Job runs as the orchestration sees them, whoever executes them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol

JobRunID = NewType("JobRunID", int)
IdempotencyToken = NewType("IdempotencyToken", str)


class JobState(StrEnum):
    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class Failure(StrEnum):
    """Whose failure it is: user errors are never retried, infrastructure and capacity are."""

    USER = "user"
    INFRASTRUCTURE = "infrastructure"
    CAPACITY = "capacity"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobRunStatus:
    """How a job run stands.

    Attributes:
        failure: Set in the states failed, cancelled and timed out.
        code: The platform's own termination code.
    """

    state: JobState
    failure: Failure | None = None
    code: str | None = None
    message: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class JobOutput:
    """What a job run printed and why it failed; the last part of either if it is long."""

    error: str | None
    error_trace: str | None
    logs: str


class Jobs(Protocol):
    """Starts, watches and cancels job runs; safe to call from many threads."""

    def submit(self, spec_uri: str, *, token: IdempotencyToken, run_name: str, timeout_s: int) -> JobRunID:
        """Start a job run for a node spec; the same token gives the same job run."""

    def status(self, job_run_id: JobRunID) -> JobRunStatus:
        """Return how a job run stands; a state nobody knows counts as still going on."""

    def cancel(self, job_run_id: JobRunID) -> None:
        """Ask for the end of a job run; one that has ended stays as it is."""

    def output(self, job_run_id: JobRunID) -> JobOutput:
        """Return what a job run printed so far."""
