"""The messages between orchestrators and activities: plain JSON on the wire, values on either side."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID


@dataclass(frozen=True, slots=True)
class ProductWork:
    """What a coordinator carries: the product and its settle window in seconds."""

    product: str
    settle_s: float

    def to_payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(product=payload["product"], settle_s=float(payload["settle_s"]))


@dataclass(frozen=True, slots=True)
class NodeWork:
    """One attempt of one node.

    Attributes:
        attempt: Counted from 1.
        polls: Polls of the Jobs API that earlier generations of the orchestration made for this attempt.
        job_run_id: The job run to wait for, once the attempt was submitted.
        deadline: Instant in ISO format at which the attempt has taken too long.
        waits: How often the attempt has waited for its turn at the Jobs API.
        waiting_since: Instant in ISO format of the first time that the Jobs API did not take it.
        settles: Whether the look that finds the end of its job run settles the node too. Whoever starts a node
            says so; one that was started before looks could do that has an activity of its own for it.
    """

    run_id: RunID
    key: NodeKey
    attempt: int = 1
    polls: int = 0
    job_run_id: int | None = None
    deadline: str | None = None
    waits: int = 0
    waiting_since: str | None = None
    settles: bool = False

    def to_payload(self) -> dict[str, Any]:
        """Return plain JSON; what came later is left out where it says nothing, as histories have it."""
        payload = asdict(self)
        if not self.waits:
            del payload["waits"], payload["waiting_since"]
        if not self.settles:
            del payload["settles"]
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(
            run_id=RunID(payload["run_id"]),
            key=NodeKey(payload["key"]),
            attempt=payload.get("attempt", 1),
            polls=payload.get("polls", 0),
            job_run_id=payload.get("job_run_id"),
            deadline=payload.get("deadline"),
            waits=payload.get("waits", 0),
            waiting_since=payload.get("waiting_since"),
            settles=payload.get("settles", False),
        )

    def waited(self, now: datetime) -> "NodeWork":
        """Return the attempt as it comes back for its next turn."""
        return replace(self, waits=self.waits + 1, waiting_since=self.waiting_since or now.isoformat())

    def has_waited(self, now: datetime) -> timedelta:
        """Return for how long the Jobs API has not taken the attempt."""
        if self.waiting_since is None:
            return timedelta()
        return now - datetime.fromisoformat(self.waiting_since)

    def submitted(self, outcome: "JobOutcome", now: datetime) -> "NodeWork":
        """Return the attempt with its job run and the instant by which that has to end."""
        deadline = now + timedelta(seconds=outcome.timeout_s) if outcome.timeout_s else None
        return replace(
            self, job_run_id=outcome.job_run_id, deadline=deadline.isoformat() if deadline else None
        )

    def is_late(self, now: datetime) -> bool:
        return self.deadline is not None and now >= datetime.fromisoformat(self.deadline)

    def after(self, polls: int) -> "NodeWork":
        """Return the attempt as the next generation of its orchestration takes it up."""
        return replace(self, polls=self.polls + polls)

    def next_attempt(self) -> "NodeWork":
        return NodeWork(run_id=self.run_id, key=self.key, attempt=self.attempt + 1, settles=self.settles)


class JobEnd(StrEnum):
    """How the platform says a job run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How an attempt ended, before its result file is read.

    Attributes:
        end: ``None`` while the job run goes on.
        retryable: Whether the failure lies outside data, metadata and code.
        capacity: Whether the platform had no room.
        wait_s: Come back after so many seconds: the attempt has no turn at the Jobs API before.
        timeout_s: How long a submitted attempt may take.
        settled: The node had reached a final state before; nothing is left to do.
    """

    end: JobEnd | None = None
    retryable: bool = False
    settled: bool = False
    error_code: str | None = None
    reason: str | None = None
    job_run_id: int | None = None
    timeout_s: int | None = None
    capacity: bool = False
    wait_s: float | None = None

    def to_payload(self) -> dict[str, Any]:
        """Return plain JSON; what came later is left out where it says nothing, as histories have it."""
        payload = asdict(self)
        if not self.capacity:
            del payload["capacity"]
        if self.wait_s is None:
            del payload["wait_s"]
        return payload

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        end = payload.get("end")
        return cls(
            end=JobEnd(end) if end else None,
            retryable=payload.get("retryable", False),
            settled=payload.get("settled", False),
            error_code=payload.get("error_code"),
            reason=payload.get("reason"),
            job_run_id=payload.get("job_run_id"),
            timeout_s=payload.get("timeout_s"),
            capacity=payload.get("capacity", False),
            wait_s=payload.get("wait_s"),
        )
