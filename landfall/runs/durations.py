"""How long the nodes of a product took in its last runs: what packs and ranks go by."""

from collections.abc import Iterable
from statistics import median
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.planning.ranking import Durations
from landfall.runs.states import NodeState

# Runs that are looked at.
_FORMER_RUNS = 3


def former_durations(connection: sa.Connection, product_id: int) -> Durations:
    """Return how long each node of a product took in the newest of its last runs in which it succeeded."""
    newest = (
        sa.select(runs.c.RunID)
        .where(runs.c.DataProductID == product_id)
        .order_by(runs.c.CreatedAt.desc())
        .limit(_FORMER_RUNS)
    ).subquery()
    columns = node_runs.c
    rows = connection.execute(
        sa.select(
            columns.NodeKey,
            columns.JobMs,
            columns.StartedAt,
            columns.FinishedAt,
            columns.Attempt,
            columns.PackKey,
        )
        .where(
            columns.RunID.in_(sa.select(newest)),
            columns.State == NodeState.SUCCEEDED,
            columns.JobMs.is_not(None),
        )
        .order_by(columns.NodeRunID)
    )
    return _of_rows(rows)


def _of_rows(rows: Iterable[sa.Row[Any]]) -> Durations:
    job_s: dict[NodeKey, float] = {}
    beside_s = []
    for row in rows:
        job_s[NodeKey(row.NodeKey)] = row.JobMs / 1000
        # Of a node that was tried again the pauses are in between, and a pack starts once for all its nodes.
        if row.PackKey is None and row.Attempt == 1 and row.StartedAt is not None:
            beside_s.append(max((row.FinishedAt - row.StartedAt).total_seconds() - row.JobMs / 1000, 0.0))
    # In the middle: some have waited for others.
    return Durations(job_s, median(beside_s) if beside_s else 0.0)
