"""Settling a node: its final state and all that follows from it, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_run_edges, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import begin_retry, end_attempt
from landfall.runs.claiming import ClaimedNode, claim_places, claimed_not_started
from landfall.runs.gate import hold_gate
from landfall.runs.ids import RunID
from landfall.runs.journal import ORCHESTRATION, change_node, change_nodes
from landfall.runs.policy import FailureClass
from landfall.runs.publishing import write_results
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import OnFailure


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from a settled node.

    Attributes:
        start: Nodes of the run that this node has claimed and that have to be started.
        start_elsewhere: The same of other runs, to which a place went that this node gave back.
        run_ended: No node of the run is open any more.
    """

    start: tuple[NodeKey, ...] = field(default=())
    start_elsewhere: tuple[ClaimedNode, ...] = field(default=())
    run_ended: bool = False


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A node has another attempt before it, after a pause."""

    delay_s: float


def end_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    verdict: Verdict,
    *,
    token: str,
    now: datetime,
) -> Settled | TryAgain:
    """Write the end of an attempt, and settle its node or give it another attempt.

    Args:
        token: Idempotency token of the attempt.
    """
    end_attempt(connection, run_id, key, attempt, verdict, token=token, now=now)
    if verdict.state is NodeState.FAILED and verdict.failure is not FailureClass.USER:
        delay_s = begin_retry(connection, run_id, key, attempt, verdict, now=now)
        if delay_s is not None:
            return TryAgain(delay_s)
    return settle_node(connection, run_id, key, verdict, now=now)


def settle_node(
    connection: sa.Connection, run_id: RunID, key: NodeKey, verdict: Verdict, *, now: datetime
) -> Settled:
    """Put a node into its final state and do all that follows, in the caller's transaction.

    Successors are counted down or skipped, landed files and quality results written, the place given back
    and the next ready nodes claimed. A repeated call finds the node settled and returns the same answer as
    long as the nodes it claimed have not been started.
    """
    # Before any row of the run: whoever holds the gate may wait for one, and would be waited for.
    hold_gate(connection, now)
    moved = change_node(
        connection,
        run_id,
        key,
        verdict.state,
        now=now,
        detail=verdict.reason,
        values={
            "FinishedAt": now,
            "ErrorCode": verdict.error_code,
            "Reason": verdict.reason,
            "RowsRead": verdict.rows_read,
            "RowsPublished": verdict.rows_published,
            "RowsQuarantined": verdict.rows_quarantined,
            "Result": dict(verdict.result) if verdict.result is not None else None,
        },
    )
    if moved:
        write_results(connection, run_id, key, verdict, now)
        if verdict.state is NodeState.SUCCEEDED:
            ready = _count_down(connection, run_id, key, now)
            _count(connection, run_id, closed=1, freed=1, ready=ready)
        else:
            skipped = _skip_descendants(connection, run_id, key, now)
            _count(connection, run_id, closed=1 + skipped, freed=1)
            if verdict.state is NodeState.FAILED and _fails_fast(connection, run_id):
                reason = f"{key} failed, and the run is to fail fast"
                _end_unstarted(connection, run_id, NodeState.SKIPPED, reason, now=now)
        claimed = claim_places(connection, own_run=run_id, claimed_by=key, now=now)
    else:
        claimed = claimed_not_started(connection, run_id, claimed_by=key)
    return Settled(
        start=tuple(node.key for node in claimed if node.run_id == run_id),
        start_elsewhere=tuple(node for node in claimed if node.run_id != run_id),
        run_ended=open_nodes(connection, run_id) == 0,
    )


def open_nodes(connection: sa.Connection, run_id: RunID) -> int:
    """Return how many nodes of a run have not reached a final state."""
    count: int = connection.execute(sa.select(runs.c.OpenNodes).where(runs.c.RunID == run_id)).scalar_one()
    return count


def cancel_waiting_nodes(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> None:
    """Cancel every node of a run that no attempt has begun; the caller holds the gate."""
    _end_unstarted(connection, run_id, NodeState.CANCELLED, "the run was cancelled", actor=actor, now=now)


def _end_unstarted(
    connection: sa.Connection,
    run_id: RunID,
    state: NodeState,
    reason: str,
    *,
    actor: str = ORCHESTRATION,
    now: datetime,
) -> None:
    """End every node of a run whose attempt no job run has taken, and give back the places they hold."""
    keys = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.State, node_runs.c.ClaimedAt).where(
            node_runs.c.RunID == run_id, node_runs.c.State.in_([NodeState.WAITING, NodeState.READY])
        )
    ).all()
    moved = change_nodes(
        connection,
        run_id,
        [NodeKey(row.NodeKey) for row in keys],
        state,
        now=now,
        actor=actor,
        detail=reason,
        values={"FinishedAt": now, "Reason": reason},
    )
    ended = [row for row in keys if row.NodeKey in set(moved)]
    held = sum(1 for row in ended if row.ClaimedAt is not None)
    ready = sum(1 for row in ended if row.ClaimedAt is None and row.State == NodeState.READY)
    _count(connection, run_id, closed=len(ended), freed=held, ready=-ready)


def _count(connection: sa.Connection, run_id: RunID, *, closed: int, freed: int, ready: int = 0) -> None:
    """Keep the counters of a run.

    Args:
        closed: Nodes that have reached a final state.
        freed: Places that were given back.
        ready: Nodes without a place that have become ready, less those that are no longer.
    """
    connection.execute(
        sa.update(runs)
        .where(runs.c.RunID == run_id)
        .values(
            OpenNodes=runs.c.OpenNodes - closed,
            ActiveNodes=runs.c.ActiveNodes - freed,
            ReadyNodes=runs.c.ReadyNodes + ready,
        )
    )


def _fails_fast(connection: sa.Connection, run_id: RunID) -> bool:
    settings: Mapping[str, Any] = connection.execute(
        sa.select(runs.c.Settings).where(runs.c.RunID == run_id)
    ).scalar_one()
    return bool(settings["on_failure"] == OnFailure.FAIL_FAST)


def _count_down(connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime) -> int:
    """Count the successors of a node down, and return how many became ready by that."""
    successors = sa.select(node_run_edges.c.ToNode).where(
        node_run_edges.c.RunID == run_id, node_run_edges.c.FromNode == key
    )
    connection.execute(
        sa.update(node_runs)
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(successors))
        .values(WaitingFor=node_runs.c.WaitingFor - 1)
    )
    ready: Iterable[str] = connection.execute(
        sa.select(node_runs.c.NodeKey).where(
            node_runs.c.RunID == run_id,
            node_runs.c.NodeKey.in_(successors),
            node_runs.c.State == NodeState.WAITING,
            node_runs.c.WaitingFor == 0,
        )
    ).scalars()
    moved = change_nodes(
        connection, run_id, [NodeKey(name) for name in ready], NodeState.READY, now=now, actor=ORCHESTRATION
    )
    return len(moved)


def _skip_descendants(connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime) -> int:
    """Skip all that can no longer run, and return how many nodes that closed."""
    edges = node_run_edges
    below = (
        sa.select(edges.c.ToNode)
        .where(edges.c.RunID == run_id, edges.c.FromNode == key)
        .cte("below", recursive=True)
    )
    below = below.union_all(
        sa.select(edges.c.ToNode)
        .join(below, edges.c.FromNode == below.c.ToNode)
        .where(edges.c.RunID == run_id)
    )
    descendants: Sequence[str] = connection.execute(sa.select(below.c.ToNode).distinct()).scalars().all()
    reason = f"{key} did not succeed"
    skipped = change_nodes(
        connection,
        run_id,
        [NodeKey(name) for name in descendants],
        NodeState.SKIPPED,
        now=now,
        detail=reason,
        values={"FinishedAt": now, "Reason": reason},
    )
    return len(skipped)
