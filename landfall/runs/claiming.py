"""Claiming: which ready nodes get the free places, longest remaining path first."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState


def claim_ready(connection: sa.Connection, run_id: RunID, *, claimed_by: str, now: datetime) -> None:
    """Give free places of the run to ready nodes, longest remaining path first."""
    run = connection.execute(
        sa.select(runs.c.MaxParallelNodes, runs.c.ActiveNodes, runs.c.CancelRequestedAt).where(
            runs.c.RunID == run_id
        )
    ).one()
    free = run.MaxParallelNodes - run.ActiveNodes
    if free <= 0 or run.CancelRequestedAt is not None:
        return
    keys: Sequence[str] = (
        connection.execute(
            sa.select(node_runs.c.NodeKey)
            .where(
                node_runs.c.RunID == run_id,
                node_runs.c.State == NodeState.READY,
                node_runs.c.ClaimedAt.is_(None),
            )
            .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
            .limit(free)
        )
        .scalars()
        .all()
    )
    if keys:
        # The condition again, and the count of what moved: another transaction may claim at the same time.
        claimed = connection.execute(
            sa.update(node_runs)
            .where(
                node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(keys), node_runs.c.ClaimedAt.is_(None)
            )
            .values(ClaimedBy=claimed_by, ClaimedAt=now)
        ).rowcount
        connection.execute(
            sa.update(runs).where(runs.c.RunID == run_id).values(ActiveNodes=runs.c.ActiveNodes + claimed)
        )


def claimed_not_started(connection: sa.Connection, run_id: RunID, *, claimed_by: str) -> tuple[NodeKey, ...]:
    """Return the nodes that ``claimed_by`` has claimed and that no attempt has begun."""
    keys: Iterable[str] = connection.execute(
        sa.select(node_runs.c.NodeKey)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.State == NodeState.READY,
            node_runs.c.ClaimedBy == claimed_by,
        )
        .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
    ).scalars()
    return tuple(NodeKey(key) for key in keys)
