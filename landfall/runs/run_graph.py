"""One run as a graph: in layers and bands, as it was opened and as it stands, and node by node where that is wanted.

What is read is bounded by what is shown, not by the size of the run: sums are made over an index.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.paging import Page, SortKey, read_page
from landfall.metadata.tables import node_run_edges, node_runs, run_events, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState


@dataclass(frozen=True, slots=True, order=True)
class BandKey:
    """A band of a layer, by its number."""

    layer: str
    number: int


@dataclass(frozen=True, slots=True)
class Band:
    """Nodes of a layer at neighbouring steps.

    Attributes:
        nodes: How many.
        first_step: Step of the earliest of them, counted from 0.
        rank: Mean of their steps.
    """

    key: BandKey
    nodes: int
    first_step: int
    last_step: int
    rank: float


@dataclass(frozen=True, slots=True)
class Outline:
    """A graph in bands, as the run was opened with it.

    Attributes:
        bands: Layers in the order of the plan, their bands from the first step on.
        edges: How many edges of nodes lead from a band to another one, or stay within one.
    """

    bands: tuple[Band, ...]
    edges: Mapping[tuple[BandKey, BandKey], int]

    @property
    def nodes(self) -> int:
        return sum(band.nodes for band in self.bands)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(band.key.layer for band in self.bands))


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node: where it belongs and where it stands."""

    key: NodeKey
    band: BandKey
    step: int
    state: NodeState
    attempt: int
    started_at: datetime | None
    rows_published: int | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class EdgesOfNodes:
    """The edges of some nodes.

    Attributes:
        between: Those with both ends among the nodes, predecessor first.
        before: How many edges lead from a band to a node.
        after: How many lead from a node to a band.
    """

    between: tuple[tuple[NodeKey, NodeKey], ...]
    before: Mapping[tuple[BandKey, NodeKey], int]
    after: Mapping[tuple[NodeKey, BandKey], int]


@dataclass(frozen=True, slots=True)
class NodeEdge:
    """A node that is waited for, and one that waits for it."""

    before: NodeKey
    after: NodeKey


StatesByBand = Mapping[BandKey, Counter[NodeState]]


def run_outline(connection: sa.Connection, run_id: RunID) -> Outline:
    """Return the graph that a run was opened with, in bands; empty if there is no such run.

    Nodes and edges are pinned, so what this returns may be kept as long as anybody likes.
    """
    columns = node_runs.c
    rows = connection.execute(
        sa.select(
            columns.Layer,
            columns.Band,
            sa.func.count().label("Nodes"),
            sa.func.min(columns.Step).label("First"),
            sa.func.max(columns.Step).label("Last"),
            # An average of whole numbers is a whole number on SQL Server.
            sa.func.sum(columns.Step).label("Steps"),
            sa.func.min(columns.NodeRunID).label("Written"),
        )
        .where(columns.RunID == run_id)
        .group_by(columns.Layer, columns.Band)
    ).all()
    written: dict[str, int] = {}
    for row in rows:
        written[row.Layer] = min(row.Written, written.get(row.Layer, row.Written))
    bands = tuple(
        Band(BandKey(row.Layer, row.Band), row.Nodes, row.First, row.Last, row.Steps / row.Nodes)
        for row in sorted(rows, key=lambda row: (written[row.Layer], row.Band))
    )
    return Outline(bands, _edges_of_bands(connection, run_id))


def _edges_of_bands(connection: sa.Connection, run_id: RunID) -> Mapping[tuple[BandKey, BandKey], int]:
    before, after = node_runs.alias("Before"), node_runs.alias("After")
    edges = node_run_edges.c
    rows = connection.execute(
        sa.select(before.c.Layer, before.c.Band, after.c.Layer, after.c.Band, sa.func.count())
        .select_from(
            node_run_edges.join(
                before, (before.c.RunID == edges.RunID) & (before.c.NodeKey == edges.FromNode)
            ).join(after, (after.c.RunID == edges.RunID) & (after.c.NodeKey == edges.ToNode))
        )
        .where(edges.RunID == run_id)
        .group_by(before.c.Layer, before.c.Band, after.c.Layer, after.c.Band)
    )
    return {(BandKey(row[0], row[1]), BandKey(row[2], row[3])): row[4] for row in rows}


def states_by_band(connection: sa.Connection, run_id: RunID) -> StatesByBand:
    """Return how many nodes of each band of a run are in each state."""
    columns = node_runs.c
    rows = connection.execute(
        sa.select(columns.Layer, columns.Band, columns.State, sa.func.count().label("Nodes"))
        .where(columns.RunID == run_id)
        .group_by(columns.Layer, columns.Band, columns.State)
    )
    found: dict[BandKey, Counter[NodeState]] = {}
    for row in rows:
        found.setdefault(BandKey(row.Layer, row.Band), Counter())[NodeState(row.State)] = row.Nodes
    return found


def band_of(connection: sa.Connection, run_id: RunID, key: NodeKey) -> BandKey | None:
    """Return the band of a node, ``None`` if the run has no such node."""
    columns = node_runs.c
    row = connection.execute(
        sa.select(columns.Layer, columns.Band).where(columns.RunID == run_id, columns.NodeKey == key)
    ).one_or_none()
    return BandKey(row.Layer, row.Band) if row is not None else None


# What is read of a part that has more nodes than are wanted: what needs somebody first.
_INTEREST = {
    state.value: place
    for place, state in enumerate(
        (
            NodeState.FAILED,
            NodeState.RUNNING,
            NodeState.SUBMITTED,
            NodeState.CANCELLED,
            NodeState.SKIPPED,
            NodeState.READY,
            NodeState.WAITING,
            NodeState.SUCCEEDED,
        )
    )
}


def graph_nodes(
    connection: sa.Connection,
    run_id: RunID,
    *,
    layer: str | None = None,
    band: int | None = None,
    first: NodeKey | None = None,
    limit: int,
) -> tuple[GraphNode, ...]:
    """Return nodes of a run, those that need somebody first.

    Args:
        layer: Only those of a layer, and of it only those of ``band`` if that is given.
        first: A node that comes before all others.
    """
    columns = node_runs.c
    wanted = [columns.RunID == run_id]
    if layer is not None:
        wanted.append(columns.Layer == layer)
    if band is not None:
        wanted.append(columns.Band == band)
    # Chosen by the index alone, so that no more nodes are looked at than come back.
    order = [sa.case(_INTEREST, value=columns.State, else_=len(_INTEREST)), columns.NodeRunID]
    chosen = sa.select(columns.NodeRunID).where(*wanted).order_by(*order).limit(limit).subquery("Chosen")
    query = sa.select(
        columns.NodeKey,
        columns.Layer,
        columns.Band,
        columns.Step,
        columns.State,
        columns.Attempt,
        columns.StartedAt,
        columns.FinishedAt,
        columns.RowsPublished,
    )
    rows = connection.execute(
        query.join_from(node_runs, chosen, chosen.c.NodeRunID == columns.NodeRunID).order_by(*order)
    ).all()
    nodes = [_graph_node(row) for row in rows]
    if first is not None and all(node.key != first for node in nodes):
        row = connection.execute(query.where(*wanted, columns.NodeKey == first)).one_or_none()
        nodes = [*([_graph_node(row)] if row is not None else []), *nodes][:limit]
    return tuple(sorted(nodes, key=lambda node: node.key != first))


def _graph_node(row: sa.Row[Any]) -> GraphNode:
    return GraphNode(
        key=NodeKey(row.NodeKey),
        band=BandKey(row.Layer, row.Band),
        step=row.Step,
        state=NodeState(row.State),
        attempt=row.Attempt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
        rows_published=row.RowsPublished,
    )


def edges_of(connection: sa.Connection, run_id: RunID, keys: Collection[NodeKey]) -> EdgesOfNodes:
    """Return the edges of some nodes of a run; those that lead elsewhere are counted by band.

    Args:
        keys: At most a thousand.
    """
    edges = node_run_edges.c
    between = connection.execute(
        sa.select(edges.FromNode, edges.ToNode).where(
            edges.RunID == run_id, edges.FromNode.in_(keys), edges.ToNode.in_(keys)
        )
    )
    return EdgesOfNodes(
        between=tuple((NodeKey(row.FromNode), NodeKey(row.ToNode)) for row in between),
        before={
            (band, key): count
            for key, band, count in _counted(connection, run_id, keys, edges.ToNode, edges.FromNode)
        },
        after={
            (key, band): count
            for key, band, count in _counted(connection, run_id, keys, edges.FromNode, edges.ToNode)
        },
    )


def list_edges(
    connection: sa.Connection, run_id: RunID, *, limit: int, cursor: str | None = None
) -> Page[NodeEdge]:
    """Return a page of the edges that a run was opened with, by their ends.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    edges = node_run_edges.c
    return read_page(
        connection,
        sa.select(edges.FromNode, edges.ToNode).where(edges.RunID == run_id),
        [SortKey("before", edges.FromNode), SortKey("after", edges.ToNode)],
        lambda row: NodeEdge(NodeKey(row.FromNode), NodeKey(row.ToNode)),
        limit=limit,
        cursor=cursor,
    )


def _counted(
    connection: sa.Connection,
    run_id: RunID,
    keys: Collection[NodeKey],
    here: sa.Column[str],
    there: sa.Column[str],
) -> list[tuple[NodeKey, BandKey, int]]:
    columns = node_runs.c
    rows = connection.execute(
        sa.select(here.label("Here"), columns.Layer, columns.Band, sa.func.count().label("Edges"))
        .select_from(
            node_run_edges.join(
                node_runs, (columns.RunID == node_run_edges.c.RunID) & (columns.NodeKey == there)
            )
        )
        .where(node_run_edges.c.RunID == run_id, here.in_(keys))
        .group_by(here, columns.Layer, columns.Band)
    )
    return [(NodeKey(row.Here), BandKey(row.Layer, row.Band), row.Edges) for row in rows]


@dataclass(frozen=True, slots=True)
class RowTotals:
    """Rows that the nodes of a run have published and quarantined so far."""

    published: int
    quarantined: int


def row_totals(connection: sa.Connection, run_id: RunID) -> RowTotals:
    """Return the sums over the nodes of a run, which are kept with it."""
    row = connection.execute(
        sa.select(runs.c.RowsPublished, runs.c.RowsQuarantined).where(runs.c.RunID == run_id)
    ).one()
    return RowTotals(row.RowsPublished, row.RowsQuarantined)


def last_event(connection: sa.Connection, run_id: RunID) -> int:
    """Return the number of the newest change of a run or its nodes, 0 if none is kept: it grows with each change."""
    newest = sa.select(sa.func.max(run_events.c.RunEventID)).where(run_events.c.RunID == run_id)
    return int(connection.execute(newest).scalar_one() or 0)
