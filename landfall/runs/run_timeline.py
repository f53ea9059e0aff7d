"""When the nodes of a run were at work: some of them one by one, all of them by layer, and the chain that decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.metadata.columns import UtcDateTime
from landfall.metadata.durations import elapsed
from landfall.metadata.paging import Page, SortKey, read_page
from landfall.metadata.tables import node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState


@dataclass(frozen=True, slots=True)
class NodeTime:
    """A node that has started.

    Attributes:
        ready_at: When the last node ended that it waited for; ``None`` if it waited for none.
        finished_at: ``None`` while it is at work.
    """

    key: NodeKey
    layer: str
    state: NodeState
    attempt: int
    ready_at: datetime | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LayerTime:
    """The nodes of a layer that have started, all together.

    Attributes:
        nodes: How many they are, of which ``at_work`` go on.
        ended_at: The latest end of those that have ended.
    """

    layer: str
    nodes: int
    at_work: int
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The nodes that decided when a run ended, or so far; each one was waited for by the next.

    Attributes:
        keys: The first one first; empty as long as nothing has started.
        ids: Their ids in SQL.
    """

    keys: tuple[NodeKey, ...] = ()
    ids: tuple[int, ...] = ()


class Rows(StrEnum):
    """Which nodes a timeline shows: all by their start, the deciding chain, or those that took longest."""

    ALL = "all"
    CRITICAL = "critical"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a run was at work.

    Attributes:
        nodes: Those asked for.
        layers: Of all nodes that have started.
        chain: The nodes that decided when the run ended, or so far.
        critical_s: Seconds from the first start to the last end of that chain; 0 as long as nothing has started.
        following: The cursor of the next page, where all nodes were asked for.
    """

    nodes: tuple[NodeTime, ...]
    layers: tuple[LayerTime, ...]
    chain: tuple[NodeKey, ...]
    critical_s: float
    following: str | None


_NODES = node_runs.c


def run_times(
    connection: sa.Connection,
    run_id: RunID,
    rows: Rows,
    *,
    until: datetime,
    limit: int,
    cursor: str | None = None,
) -> RunTimes:
    """Return when a run was at work.

    Args:
        until: When it ended, or now: to when nodes at work are counted.
        limit: Nodes to show, 500 at most.
        cursor: Of the page before, where all nodes are asked for.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    chain = deciding_chain(connection, run_id)
    ends = times_of(connection, [chain.ids[0], chain.ids[-1]]) if chain.ids else ()
    following = None
    match rows:
        case Rows.CRITICAL:
            nodes = times_of(connection, chain.ids[:limit])
        case Rows.LONGEST:
            nodes = longest_times(connection, run_id, until=until, limit=limit)
        case Rows.ALL:
            page = times_by_start(connection, run_id, limit=limit, cursor=cursor)
            nodes, following = page.items, page.following
    return RunTimes(
        nodes=nodes,
        layers=layer_times(connection, run_id),
        chain=chain.keys,
        critical_s=((ends[-1].finished_at or until) - ends[0].started_at).total_seconds() if ends else 0.0,
        following=following,
    )


def layer_times(connection: sa.Connection, run_id: RunID) -> tuple[LayerTime, ...]:
    """Return when each layer of a run was at work, those that started first first."""
    rows = connection.execute(
        sa.select(
            _NODES.Layer,
            sa.func.count().label("Nodes"),
            sa.func.count(_NODES.FinishedAt).label("Ended"),
            sa.func.min(_NODES.StartedAt).label("First"),
            sa.func.max(_NODES.FinishedAt).label("Last"),
        )
        .where(_NODES.RunID == run_id, _NODES.StartedAt.is_not(None))
        .group_by(_NODES.Layer)
    )
    found = (LayerTime(row.Layer, row.Nodes, row.Nodes - row.Ended, row.First, row.Last) for row in rows)
    return tuple(sorted(found, key=lambda layer: (layer.started_at, layer.layer)))


def deciding_chain(connection: sa.Connection, run_id: RunID) -> Chain:
    """Return the chain of nodes that led to the end of a run, or to the node that is at work.

    It goes back from the node that ended last, each time to the predecessor that the node was waiting for: the one
    that succeeded last. So the waiting for places and turns is in it, for it is what happened.
    """
    last = (
        sa.select(_NODES.NodeRunID)
        .where(_NODES.RunID == run_id, _NODES.StartedAt.is_not(None))
        # A node at work ends later than all that have ended.
        .order_by(
            sa.case((_NODES.FinishedAt.is_(None), 0), else_=1),
            sa.func.coalesce(_NODES.FinishedAt, _NODES.StartedAt).desc(),
            _NODES.NodeRunID.desc(),
        )
        .limit(1)
        .scalar_subquery()
    )
    chain = (
        sa.select(_NODES.NodeRunID, _NODES.NodeKey, _NODES.WaitedFor, sa.literal_column("0").label("Back"))
        .where(_NODES.NodeRunID == last)
        .cte("Chain", recursive=True)
    )
    before = node_runs.alias("Before")
    chain = chain.union_all(
        sa.select(before.c.NodeRunID, before.c.NodeKey, before.c.WaitedFor, chain.c.Back + 1).join(
            chain, (before.c.RunID == run_id) & (before.c.NodeKey == chain.c.WaitedFor)
        )
    )
    rows = connection.execute(
        sa.select(chain.c.NodeRunID, chain.c.NodeKey)
        .order_by(chain.c.Back.desc())
        # SQL Server ends after a hundred steps unless told otherwise.
        .with_statement_hint("OPTION (MAXRECURSION 0)", "mssql")
    ).all()
    return Chain(tuple(NodeKey(row.NodeKey) for row in rows), tuple(row.NodeRunID for row in rows))


def times_by_start(
    connection: sa.Connection, run_id: RunID, *, limit: int, cursor: str | None = None
) -> Page[NodeTime]:
    """Return a page of the nodes that have started, in the order in which they did.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    # The index has these columns, so the others are read of the page alone.
    query = sa.select(_NODES.NodeRunID, _NODES.StartedAt).where(
        _NODES.RunID == run_id, _NODES.StartedAt.is_not(None)
    )
    order = [SortKey("started_at", _NODES.StartedAt), SortKey("node", _NODES.NodeRunID)]
    found = read_page(connection, query, order, lambda row: row.NodeRunID, limit=limit, cursor=cursor)
    return Page(times_of(connection, found.items), found.following)


def longest_times(
    connection: sa.Connection, run_id: RunID, *, until: datetime, limit: int
) -> tuple[NodeTime, ...]:
    """Return the nodes that took longest, those first.

    Args:
        until: To when nodes at work are counted.
    """
    took = elapsed(_NODES.StartedAt, sa.func.coalesce(_NODES.FinishedAt, sa.literal(until, UtcDateTime)))
    ids: Sequence[int] = (
        connection.execute(
            sa.select(_NODES.NodeRunID)
            .where(_NODES.RunID == run_id, _NODES.StartedAt.is_not(None))
            .order_by(took.desc(), _NODES.NodeRunID)
            .limit(limit)
        )
        .scalars()
        .all()
    )
    return times_of(connection, ids)


def times_of(connection: sa.Connection, ids: Sequence[int]) -> tuple[NodeTime, ...]:
    """Return nodes that have started by their ids, in that order; at most a thousand."""
    waited = node_runs.alias("Waited")
    rows = connection.execute(
        sa.select(
            _NODES.NodeRunID,
            _NODES.NodeKey,
            _NODES.Layer,
            _NODES.State,
            _NODES.Attempt,
            _NODES.StartedAt,
            _NODES.FinishedAt,
            waited.c.FinishedAt.label("ReadyAt"),
        )
        .select_from(
            node_runs.outerjoin(
                waited, (waited.c.RunID == _NODES.RunID) & (waited.c.NodeKey == _NODES.WaitedFor)
            )
        )
        .where(_NODES.NodeRunID.in_(ids), _NODES.StartedAt.is_not(None))
    )
    found = {row.NodeRunID: _node_time(row) for row in rows}
    return tuple(found[node_id] for node_id in ids if node_id in found)


def _node_time(row: sa.Row[Any]) -> NodeTime:
    return NodeTime(
        key=NodeKey(row.NodeKey),
        layer=row.Layer,
        state=NodeState(row.State),
        attempt=row.Attempt,
        ready_at=row.ReadyAt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
    )
