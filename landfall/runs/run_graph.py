"""One run as a graph: what it was opened with, which never changes, and where its nodes stand."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.json_values import json_text
from landfall.metadata.tables import node_run_edges, node_runs, run_events
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState


@dataclass(frozen=True, slots=True)
class ShapeNode:
    """A node of a run's graph.

    Attributes:
        dataset: What it builds.
        rank: Nodes on the longest path that leads to it; 0 where it waits for none.
        upstream: Nodes of the run it waits for.
    """

    key: NodeKey
    kind: str
    layer: str
    dataset: str
    rank: int
    upstream: tuple[NodeKey, ...]


@dataclass(frozen=True, slots=True)
class NodeMoment:
    """Where a node stands; the instants are those of its first start and its end."""

    key: NodeKey
    state: NodeState
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    rows_published: int | None
    rows_quarantined: int | None


def run_shape(connection: sa.Connection, run_id: RunID) -> Mapping[NodeKey, ShapeNode]:
    """Return the graph that a run was opened with, upstreams first; empty if there is no such run.

    Its nodes and edges are pinned, so what this returns may be kept as long as anybody likes.
    """
    rows = connection.execute(
        sa.select(
            node_runs.c.NodeKey,
            node_runs.c.Kind,
            json_text(node_runs.c.Definition, "output.layer").label("Layer"),
            json_text(node_runs.c.Definition, "output.dataset").label("DataSet"),
        )
        .where(node_runs.c.RunID == run_id)
        .order_by(node_runs.c.NodeRunID)
    ).all()
    upstream: dict[str, list[NodeKey]] = {row.NodeKey: [] for row in rows}
    for edge in connection.execute(
        sa.select(node_run_edges.c.FromNode, node_run_edges.c.ToNode).where(node_run_edges.c.RunID == run_id)
    ):
        upstream[edge.ToNode].append(NodeKey(edge.FromNode))
    shape: dict[NodeKey, ShapeNode] = {}
    for row in rows:
        before = upstream[row.NodeKey]
        shape[NodeKey(row.NodeKey)] = ShapeNode(
            key=NodeKey(row.NodeKey),
            kind=row.Kind,
            layer=row.Layer,
            dataset=row.DataSet,
            # Nodes are written upstreams first, so those before are there.
            rank=1 + max((shape[key].rank for key in before), default=-1),
            upstream=tuple(before),
        )
    return shape


def node_moments(connection: sa.Connection, run_id: RunID) -> Mapping[NodeKey, NodeMoment]:
    """Return where every node of a run stands, in the order of its plan."""
    rows = connection.execute(
        sa.select(
            node_runs.c.NodeKey,
            node_runs.c.State,
            node_runs.c.Attempt,
            node_runs.c.StartedAt,
            node_runs.c.FinishedAt,
            node_runs.c.RowsPublished,
            node_runs.c.RowsQuarantined,
        )
        .where(node_runs.c.RunID == run_id)
        .order_by(node_runs.c.NodeRunID)
    )
    return {
        NodeKey(row.NodeKey): NodeMoment(
            key=NodeKey(row.NodeKey),
            state=NodeState(row.State),
            attempt=row.Attempt,
            started_at=row.StartedAt,
            finished_at=row.FinishedAt,
            rows_published=row.RowsPublished,
            rows_quarantined=row.RowsQuarantined,
        )
        for row in rows
    }


def count_states(connection: sa.Connection, run_id: RunID) -> Counter[NodeState]:
    """Return how many nodes of a run are in each state."""
    rows = connection.execute(
        sa.select(node_runs.c.State, sa.func.count().label("Nodes"))
        .where(node_runs.c.RunID == run_id)
        .group_by(node_runs.c.State)
    )
    return Counter({NodeState(row.State): row.Nodes for row in rows})


@dataclass(frozen=True, slots=True)
class RowTotals:
    """Rows that the nodes of a run have published and quarantined so far."""

    published: int
    quarantined: int


def row_totals(connection: sa.Connection, run_id: RunID) -> RowTotals:
    """Return the sums over the nodes of a run."""
    row = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(node_runs.c.RowsPublished), 0).label("Published"),
            sa.func.coalesce(sa.func.sum(node_runs.c.RowsQuarantined), 0).label("Quarantined"),
        ).where(node_runs.c.RunID == run_id)
    ).one()
    return RowTotals(int(row.Published), int(row.Quarantined))


def last_event(connection: sa.Connection, run_id: RunID) -> int:
    """Return the number of the newest change of a run or its nodes, 0 if none is kept: it grows with each change."""
    newest = sa.select(sa.func.max(run_events.c.RunEventID)).where(run_events.c.RunID == run_id)
    return int(connection.execute(newest).scalar_one() or 0)
