"""Settling a node: its final state and all that follows from it, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import node_run_edges, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import begin_retry, end_attempt
from landfall.runs.claiming import claim_ready, claimed_not_started
from landfall.runs.ids import RunID
from landfall.runs.journal import ORCHESTRATION, change_node, change_nodes
from landfall.runs.publishing import write_results
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from a settled node.

    Attributes:
        start: Nodes that this node has claimed and that have to be started.
        run_ended: No node of the run is open any more.
    """

    start: tuple[NodeKey, ...] = field(default=())
    run_ended: bool = False


def end_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    verdict: Verdict,
    *,
    token: str,
    now: datetime,
) -> Settled | None:
    """Write the end of an attempt and settle its node; ``None`` if the node has another attempt before it.

    Args:
        token: Idempotency token of the attempt.
    """
    end_attempt(connection, run_id, key, attempt, verdict, token=token, now=now)
    if (
        verdict.state is NodeState.FAILED
        and verdict.retryable
        and begin_retry(connection, run_id, key, attempt, verdict, now=now)
    ):
        return None
    return settle_node(connection, run_id, key, verdict, now=now)


def settle_node(
    connection: sa.Connection, run_id: RunID, key: NodeKey, verdict: Verdict, *, now: datetime
) -> Settled:
    """Put a node into its final state and do all that follows, in the caller's transaction.

    Successors are counted down or skipped, landed files and quality results written, the place given back
    and the next ready nodes claimed. A repeated call finds the node settled and returns the same answer as
    long as the nodes it claimed have not been started.
    """
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
            closed = 1
            _count_down(connection, run_id, key, now)
        else:
            closed = 1 + _skip_descendants(connection, run_id, key, now)
        connection.execute(
            sa.update(runs)
            .where(runs.c.RunID == run_id)
            .values(OpenNodes=runs.c.OpenNodes - closed, ActiveNodes=runs.c.ActiveNodes - 1)
        )
        claim_ready(connection, run_id, claimed_by=key, now=now)
    return Settled(
        start=claimed_not_started(connection, run_id, claimed_by=key),
        run_ended=open_nodes(connection, run_id) == 0,
    )


def open_nodes(connection: sa.Connection, run_id: RunID) -> int:
    """Return how many nodes of a run have not reached a final state."""
    count: int = connection.execute(sa.select(runs.c.OpenNodes).where(runs.c.RunID == run_id)).scalar_one()
    return count


def cancel_waiting_nodes(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> None:
    """Cancel every node of a run that no attempt has begun."""
    keys = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.ClaimedAt).where(
            node_runs.c.RunID == run_id, node_runs.c.State.in_([NodeState.WAITING, NodeState.READY])
        )
    ).all()
    moved = change_nodes(
        connection,
        run_id,
        [NodeKey(row.NodeKey) for row in keys],
        NodeState.CANCELLED,
        now=now,
        actor=actor,
        detail="the run was cancelled",
        values={"FinishedAt": now, "Reason": "the run was cancelled"},
    )
    held = sum(1 for row in keys if row.ClaimedAt is not None)
    connection.execute(
        sa.update(runs)
        .where(runs.c.RunID == run_id)
        .values(OpenNodes=runs.c.OpenNodes - len(moved), ActiveNodes=runs.c.ActiveNodes - held)
    )


def _count_down(connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime) -> None:
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
    change_nodes(
        connection, run_id, [NodeKey(name) for name in ready], NodeState.READY, now=now, actor=ORCHESTRATION
    )


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
