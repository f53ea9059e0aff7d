"""How an attempt ended: what the platform says and what the job wrote, weighed against each other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from landfall.runs.policy import FailureClass
from landfall.runs.states import NodeState
from landfall.runs.work import JobEnd, JobOutcome

# Kinds of error in a node result that may pass by themselves.
_PASSING_KINDS = frozenset({"conflict", "storage", "engine"})
# How the Spark runtime ends a job whose result it could not write.
_SAID_BY_THE_JOB = re.compile(r"NodeFailed: (?P<code>LF\d{4}) \((?P<kind>\w+)\): (?P<message>.*)")

QUALITY_GATE_CODES = frozenset({"LF4521", "LF4522", "LF4523"})
"""What a job says when a rule of severity `fail` refused rows, when too many were refused, or a contract is broken."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of an attempt.

    Attributes:
        state: Succeeded, failed or cancelled.
        retryable: Whether another attempt may do better without a change by anybody.
        capacity: The platform had no room for it.
        rules: Results of the quality rules, as in the node result.
        rejected_files: Reason by ``abfss://`` address of landed files that could not be read.
        released: Runs and files whose refused rows were published, as in the node result.
        inputs: What an incremental node read of each input, as in the node result.
        result: The whole node result, for the record.
    """

    state: NodeState
    retryable: bool = False
    capacity: bool = False
    error_code: str | None = None
    reason: str | None = None
    rows_read: int | None = None
    rows_published: int | None = None
    rows_quarantined: int | None = None
    table_version: int | None = None
    rules: Sequence[Mapping[str, Any]] = ()
    rejected_files: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[Mapping[str, Any]] = ()
    released: Sequence[Mapping[str, str]] = ()
    result: Mapping[str, Any] | None = None

    @property
    def job_ms(self) -> int | None:
        """What the job took by its own clock, in milliseconds; ``None`` if it did not say."""
        total_s = (self.result or {}).get("timings_s", {}).get("total")
        return None if total_s is None else round(total_s * 1000)

    @property
    def failure(self) -> FailureClass:
        """Whose failure it was, of an attempt that failed."""
        if not self.retryable:
            return FailureClass.USER
        return FailureClass.CAPACITY if self.capacity else FailureClass.INFRASTRUCTURE


def weigh(outcome: JobOutcome, result: Mapping[str, Any] | None) -> Verdict:
    """Return the verdict on an attempt.

    A job succeeded only if the platform and its own result say so; where they disagree, the attempt failed
    and may be tried again.

    Args:
        outcome: What the platform says, or why no job run came to be.
        result: The node result, checked against its schema's required keys; ``None`` if the job left none.
    """
    if outcome.end is JobEnd.CANCELLED:
        return Verdict(NodeState.CANCELLED, reason=outcome.reason or "the job run was cancelled")
    if result is None:
        return _without_result(outcome)
    error = result["error"]
    if error is not None:
        return _with_result(
            NodeState.FAILED,
            result,
            retryable=error["kind"] in _PASSING_KINDS,
            error_code=error["code"],
            reason=error["message"],
        )
    if outcome.end is JobEnd.SUCCEEDED:
        return _with_result(NodeState.SUCCEEDED, result, reason=_read_whole(result))
    return _with_result(
        NodeState.FAILED,
        result,
        retryable=True,
        error_code=outcome.error_code or "LF3305",
        reason=f"the job wrote a good result and its run failed nevertheless: {outcome.reason}",
    )


def said_by_the_job(outcome: JobOutcome) -> bool:
    """Return whether the job itself says why it failed, and not the platform of it."""
    return _SAID_BY_THE_JOB.search(outcome.reason or "") is not None


def _read_whole(result: Mapping[str, Any]) -> str | None:
    """Return why an incremental node read everything; ``None`` if it did not."""
    load = result["load"]
    return f"read whole: {load['reason']}" if load is not None and load["mode"] == "full" else None


def _without_result(outcome: JobOutcome) -> Verdict:
    if outcome.end is JobEnd.SUCCEEDED:
        return Verdict(
            NodeState.FAILED,
            retryable=True,
            error_code="LF3304",
            reason="the job run succeeded but left no result; is the wheel on the cluster the deployed one?",
        )
    said = _SAID_BY_THE_JOB.search(outcome.reason or "")
    if said is not None:
        # The platform calls every error that a job raises the user's; the job itself knows better.
        return Verdict(
            NodeState.FAILED,
            retryable=outcome.retryable or said["kind"] in _PASSING_KINDS,
            error_code=said["code"],
            reason=said["message"],
        )
    return Verdict(
        NodeState.FAILED,
        retryable=outcome.retryable,
        capacity=outcome.capacity,
        error_code=outcome.error_code or "LF3303",
        reason=outcome.reason or "the job run failed without a reason",
    )


def _with_result(
    state: NodeState,
    result: Mapping[str, Any],
    *,
    retryable: bool = False,
    error_code: str | None = None,
    reason: str | None = None,
) -> Verdict:
    return Verdict(
        state=state,
        retryable=retryable,
        error_code=error_code,
        reason=reason,
        rows_read=result["rows_read"],
        rows_published=result["rows_published"],
        rows_quarantined=result["rows_quarantined"],
        table_version=(result["output"] or {}).get("version"),
        rules=result["rules"],
        rejected_files={
            file["uri"]: file["reason"] or "it could not be read"
            for file in result["files"]
            if file["status"] == "rejected"
        },
        inputs=result["inputs"],
        released=result.get("released", ()),
        result=result,
    )
