"""Settling a node: its final state and all that follows from it, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_run_edges, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import begin_retry, end_attempt
from landfall.runs.claiming import ClaimedNode, Counts, claim_places, claimed_not_started
from landfall.runs.gate import hold_gate
from landfall.runs.ids import RunID
from landfall.runs.journal import (
    ORCHESTRATION,
    Event,
    an_event,
    change_node,
    change_nodes,
    write_events,
)
from landfall.runs.packing import end_unsubmitted_packs, not_in_a_job_run
from landfall.runs.policy import FailureClass
from landfall.runs.publishing import read_node, write_results
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
    node = read_node(connection, run_id, key)
    # Before any row of the run: whoever holds the gate may wait for one, and would be waited for.
    gate = hold_gate(connection, now)
    events: list[Event] = []
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
            "JobMs": verdict.job_ms,
        },
        before=node.state,
        events=events,
    )
    if not moved:
        claimed = claimed_not_started(connection, run_id, claimed_by=key)
        return settled(run_id, claimed, open_nodes(connection, run_id))
    write_results(connection, run_id, [(key, node, verdict)], now)
    if verdict.state is NodeState.SUCCEEDED:
        counts = _count_down(connection, run_id, key, now, events)
    else:
        counts = Counts(closed=len(skip_descendants(connection, run_id, key, now)))
        if verdict.state is NodeState.FAILED and fails_fast(connection, run_id):
            reason = f"{key} failed, and the run is to fail fast"
            counts += end_unstarted(connection, run_id, NodeState.SKIPPED, reason, now=now)
    counts += Counts(
        closed=1,
        freed=1,
        read=verdict.rows_read or 0,
        published=verdict.rows_published or 0,
        quarantined=verdict.rows_quarantined or 0,
    )
    claims = claim_places(connection, gate, own_run=run_id, claimed_by=key, now=now, own=counts)
    write_events(connection, events)
    return settled(run_id, claims.nodes, claims.open_nodes)


def settled(run_id: RunID, claimed: Sequence[ClaimedNode], left: int | None) -> Settled:
    return Settled(
        start=tuple(node.key for node in claimed if node.run_id == run_id),
        start_elsewhere=tuple(node for node in claimed if node.run_id != run_id),
        run_ended=left == 0,
    )


def open_nodes(connection: sa.Connection, run_id: RunID) -> int:
    """Return how many nodes of a run have not reached a final state."""
    count: int = connection.execute(sa.select(runs.c.OpenNodes).where(runs.c.RunID == run_id)).scalar_one()
    return count


def cancel_waiting_nodes(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> Counts:
    """Cancel every node of a run that no attempt has begun; the caller holds the gate and writes the counts."""
    return end_unstarted(
        connection, run_id, NodeState.CANCELLED, "the run was cancelled", actor=actor, now=now
    )


def end_unstarted(
    connection: sa.Connection,
    run_id: RunID,
    state: NodeState,
    reason: str,
    *,
    actor: str = ORCHESTRATION,
    now: datetime,
) -> Counts:
    """End every node of a run whose attempt no job run has taken, and give back the places they hold."""
    of_packs = end_unsubmitted_packs(connection, run_id, now=now)
    keys = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.State, node_runs.c.ClaimedAt, node_runs.c.PackKey).where(
            node_runs.c.RunID == run_id,
            node_runs.c.State.in_([NodeState.WAITING, NodeState.READY]),
            not_in_a_job_run(),
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
    alone = [row for row in ended if row.PackKey is None]
    held = sum(1 for row in alone if row.ClaimedAt is not None)
    ready = sum(1 for row in alone if row.ClaimedAt is None and row.State == NodeState.READY)
    return of_packs + Counts(closed=len(ended), freed=held, ready=-ready)


def fails_fast(connection: sa.Connection, run_id: RunID) -> bool:
    settings: Mapping[str, Any] = connection.execute(
        sa.select(runs.c.Settings).where(runs.c.RunID == run_id)
    ).scalar_one()
    return bool(settings["on_failure"] == OnFailure.FAIL_FAST)


def _counting_down() -> sa.Update:
    columns = node_runs.c
    run_id: sa.BindParameter[Any] = sa.bindparam("run_id")
    successors = sa.select(node_run_edges.c.ToNode).where(
        node_run_edges.c.RunID == run_id, node_run_edges.c.FromNode == sa.bindparam("key")
    )
    is_last = sa.and_(columns.State == NodeState.WAITING, columns.WaitingFor == 1)
    return (
        sa.update(node_runs)
        .where(columns.RunID == run_id, columns.NodeKey.in_(successors))
        .values(
            WaitingFor=columns.WaitingFor - 1,
            # The last one to write it is the one that the node was waiting for.
            WaitedFor=sa.bindparam("key"),
            State=sa.case((is_last, NodeState.READY.value), else_=columns.State),
        )
        .returning(columns.NodeKey, columns.State, columns.WaitingFor)
    )


_COUNT_DOWN = _counting_down()


def _count_down(
    connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime, events: list[Event]
) -> Counts:
    """Count the successors of a node down, and make those ready that wait for nothing else."""
    counted = connection.execute(_COUNT_DOWN, {"run_id": run_id, "key": key}).all()
    ready = [row.NodeKey for row in counted if row.State == NodeState.READY and row.WaitingFor == 0]
    events += [an_event(run_id, name, NodeState.WAITING, NodeState.READY, now=now) for name in sorted(ready)]
    return Counts(ready=len(ready))


def skip_descendants(
    connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime
) -> tuple[NodeKey, ...]:
    """Skip all that can no longer run, and return it."""
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
    # SQL Server ends after a hundred steps unless told otherwise.
    query = sa.select(below.c.ToNode).distinct().with_statement_hint("OPTION (MAXRECURSION 0)", "mssql")
    descendants: Sequence[str] = connection.execute(query).scalars().all()
    reason = f"{key} did not succeed"
    return change_nodes(
        connection,
        run_id,
        [NodeKey(name) for name in descendants],
        NodeState.SKIPPED,
        now=now,
        detail=reason,
        values={"FinishedAt": now, "Reason": reason},
    )
