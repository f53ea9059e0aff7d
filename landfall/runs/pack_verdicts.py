"""What becomes of each node of a pack whose job run has ended: values in, values out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from landfall.planning.plan import NodeKey
from landfall.runs.backoff import retry_delay
from landfall.runs.ids import RunID
from landfall.runs.pack_keeping import keeps_one_by_one
from landfall.runs.policy import FailureClass, RunPolicy
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict


class Blame(StrEnum):
    """Whose fault it is that nodes of a pack were left undone."""

    NOBODY = "nobody"
    """The job ended in good order: it came to no node whose predecessor had failed."""
    FIRST = "first"
    """The process ended at the first node without a result; it had not come to the others.

    Where results were not kept one by one it may have been another one of them: then nobody is blamed, and they are
    executed again in a way that will tell.
    """
    ALL = "all"
    """The job run did not get as far as to any node, or says itself that none could do better."""


@dataclass(frozen=True, slots=True)
class PackEnd:
    """How the job run of a pack ended.

    Attributes:
        results: Verdicts on the nodes that left a result.
        rest: What the platform says of the others.
        times: When the job began and ended each node, where it says so.
    """

    results: Mapping[NodeKey, Verdict]
    rest: Verdict
    blame: Blame
    times: Mapping[NodeKey, tuple[datetime, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """An open node of a pack.

    Attributes:
        after: The nodes of the pack that it depends on.
        failures: How many earlier attempts failed, by class.
    """

    key: NodeKey
    state: NodeState
    attempt: int
    priority: int
    definition: Mapping[str, Any]
    after: tuple[NodeKey, ...]
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node that has another attempt before it; ``failure`` is ``None`` if this one was never begun nor charged."""

    verdict: Verdict
    failure: FailureClass | None
    delay_s: float


@dataclass(frozen=True, slots=True)
class Sorted:
    """The nodes of a pack by what becomes of them.

    Attributes:
        ended: Those with a final verdict.
        skipped: Those that can no longer run, with the node that did not succeed.
        repeated: Those that are to be run again, now or after those they wait for.
        groups: The packs in which these are run again, each with the seconds of its pause.
    """

    ended: Mapping[NodeKey, Verdict]
    skipped: Mapping[NodeKey, NodeKey]
    repeated: Mapping[NodeKey, Repeat]
    groups: Sequence[tuple[tuple[NodeKey, ...], float]]


_NOT_BEGUN = "the job run ended before it came to this node"
_LOST = "the job run ended, and the result of this node, if it had come to it, was not kept yet"
_WAITS = "it waited in the job run for a node that is tried again"


def sort_out(
    run_id: RunID, members: Sequence[Member], end: PackEnd, policy: RunPolicy, *, cancelled: bool
) -> Sorted:
    """Return what becomes of the nodes of a pack.

    Args:
        members: Its open nodes, each behind those it depends on.
        cancelled: Whether somebody asked to cancel the run: then nothing is tried again.
    """
    verdicts = _verdicts(members, end)
    ended: dict[NodeKey, Verdict] = {}
    skipped: dict[NodeKey, NodeKey] = {}
    repeated: dict[NodeKey, Repeat] = {}
    for member in members:
        found = verdicts.get(member.key)
        stopped_by = next(
            (skipped.get(up, up) for up in member.after if up in skipped or _did_not_succeed(ended.get(up))),
            None,
        )
        if found is None and stopped_by is not None:
            skipped[member.key] = stopped_by
        elif found is None and cancelled:
            ended[member.key] = Verdict(NodeState.CANCELLED, reason="the run was cancelled")
        elif found is None:
            repeated[member.key] = Repeat(Verdict(NodeState.WAITING, reason=_WAITS), None, 0.0)
        else:
            verdict, failure = found
            repeat = None if cancelled else _repeat(run_id, member, verdict, failure, policy)
            if repeat is not None:
                repeated[member.key] = repeat
            elif cancelled and failure is FailureClass.NEIGHBOUR:
                ended[member.key] = Verdict(NodeState.CANCELLED, reason="the run was cancelled")
            else:
                ended[member.key] = verdict
    alone = _suspects(members, end, repeated)
    return Sorted(ended, skipped, repeated, _groups(members, repeated, alone))


def _did_not_succeed(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.state is not NodeState.SUCCEEDED


def _verdicts(members: Sequence[Member], end: PackEnd) -> dict[NodeKey, tuple[Verdict, FailureClass | None]]:
    """Return the verdict on each node that was begun, or could have been, and whose failure it was."""
    found: dict[NodeKey, tuple[Verdict, FailureClass | None]] = {}
    suspect: NodeKey | None = None
    told = keeps_one_by_one(member.attempt for member in members)
    told |= sum(member.key not in end.results for member in members) == 1
    for member in members:
        result = end.results.get(member.key)
        if result is not None:
            found[member.key] = (result, _failure(result))
            continue
        if end.rest.state is NodeState.CANCELLED:
            found[member.key] = (end.rest, None)
            continue
        could = all(up in found and found[up][0].state is NodeState.SUCCEEDED for up in member.after)
        if end.blame is Blame.NOBODY or not could:
            continue
        if end.blame is Blame.FIRST and not told:
            found[member.key] = _not_charged(_LOST)
        elif end.blame is Blame.ALL or suspect is None:
            suspect = suspect or member.key
            found[member.key] = (end.rest, _failure(end.rest))
        else:
            found[member.key] = _not_charged(f"{_NOT_BEGUN}: it ended at {suspect}")
    return found


def _not_charged(reason: str) -> tuple[Verdict, FailureClass]:
    verdict = Verdict(NodeState.FAILED, retryable=True, error_code="LF3308", reason=reason)
    return verdict, FailureClass.NEIGHBOUR


def _failure(verdict: Verdict) -> FailureClass | None:
    return verdict.failure if verdict.state is NodeState.FAILED else None


def _repeat(
    run_id: RunID, member: Member, verdict: Verdict, failure: FailureClass | None, policy: RunPolicy
) -> Repeat | None:
    """Return the further attempt of a node, ``None`` if it has none."""
    if failure is None or failure is FailureClass.USER:
        return None
    failures = member.failures.get(failure, 0) + 1
    retries = policy.retries_after(failure, member.definition)
    if failures > retries.most:
        return None
    delay = retry_delay(f"{run_id}/{member.key}", failures, first_s=retries.first_s, cap_s=retries.cap_s)
    return Repeat(verdict, failure, delay.total_seconds())


def _suspects(
    members: Sequence[Member], end: PackEnd, repeated: Mapping[NodeKey, Repeat]
) -> frozenset[NodeKey]:
    """Return the node that may have ended the process: it goes on alone, so that it takes no other one down again."""
    if end.blame is not Blame.FIRST or len(members) == 1:
        return frozenset()
    return frozenset(
        key
        for key, repeat in repeated.items()
        if key not in end.results and repeat.failure not in {None, FailureClass.NEIGHBOUR}
    )


def _groups(
    members: Sequence[Member], repeated: Mapping[NodeKey, Repeat], alone: Collection[NodeKey]
) -> list[tuple[tuple[NodeKey, ...], float]]:
    behind: set[NodeKey] = set()
    for member in members:
        if any(up in alone or up in behind for up in member.after):
            behind.add(member.key)
    left = [member.key for member in members if member.key in repeated]
    parts = [
        *((key,) for key in left if key in alone),
        tuple(key for key in left if key not in alone and key not in behind),
        tuple(key for key in left if key not in alone and key in behind),
    ]
    return [(part, max(repeated[key].delay_s for key in part)) for part in parts if part]
