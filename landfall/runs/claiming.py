"""Claiming: which ready nodes get the free places, of whatever run, and when each may call the Jobs API."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from landfall.metadata.columns import LongText
from landfall.metadata.tables import node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.gate import SELECT_LIMITS, Gate, LiveLimits, limits_of, take_turns
from landfall.runs.ids import RunID
from landfall.runs.sharing import Demand, share
from landfall.runs.states import FINAL_RUN_STATES, NodeState, RunState

# SQL Server takes at most 2,100 parameters in one statement.
_MOST_IN_ONE = 500


@dataclass(frozen=True, slots=True)
class ClaimedNode:
    """A node that was given a place and has to be started."""

    run_id: RunID
    key: NodeKey
    attempt: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a transaction has done to the counters of its run, to be written with what it claims.

    Attributes:
        closed: Nodes that have reached a final state.
        freed: Places that were given back.
        ready: Nodes without a place that have become ready, less those that are no longer.
        read: Rows that the nodes which have ended read; ``published`` and ``quarantined`` are what became of them.
    """

    closed: int = 0
    freed: int = 0
    ready: int = 0
    read: int = 0
    published: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.closed + other.closed,
            self.freed + other.freed,
            self.ready + other.ready,
            self.read + other.read,
            self.published + other.published,
            self.quarantined + other.quarantined,
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """The nodes that were given places.

    Attributes:
        open_nodes: Nodes of the claimer's own run that have not ended; ``None`` if nothing of it was written.
    """

    nodes: tuple[ClaimedNode, ...]
    open_nodes: int | None = None


def claim_places(
    connection: sa.Connection,
    gate: Gate,
    *,
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
    own: Counts | None = None,
) -> Claims:
    """Give free places to ready nodes, of each run longest remaining path first; return those nodes.

    The caller holds the gate. The statements are the same number whatever the size of the graphs.

    Args:
        own_run: The run of whoever claims; ``None`` if it has none.
        claimed_by: Name of the claimer within its run.
        own: What the caller has done to its run; it is written here.
    """
    demands, limits = _demands_and_limits(connection, now)
    if own is not None:
        demands = [_with(demand, own) if demand.run_id == own_run else demand for demand in demands]
    granted = share(demands, installation=limits.nodes, of_product=limits.nodes_of)
    taken: Sequence[sa.Row[Any]] = ()
    if granted:
        turns = take_turns(connection, gate, sum(granted.values()), limits, now=now)
        taken = _claim(connection, granted, turns, own_run, claimed_by, now)
    open_nodes = _count(connection, taken, own_run, own, now)
    return Claims(
        tuple(ClaimedNode(RunID(row.RunID), NodeKey(row.NodeKey), row.Attempt) for row in taken), open_nodes
    )


def claimed_not_started(
    connection: sa.Connection, run_id: RunID, *, claimed_by: str
) -> tuple[ClaimedNode, ...]:
    """Return the nodes that ``claimed_by`` of a run has claimed and that no attempt has begun."""
    rows = connection.execute(
        sa.select(node_runs.c.RunID, node_runs.c.NodeKey, node_runs.c.Attempt)
        .where(
            node_runs.c.State == NodeState.READY,
            node_runs.c.ClaimedAt.is_not(None),
            sa.or_(
                sa.and_(node_runs.c.RunID == run_id, node_runs.c.ClaimedBy == claimed_by),
                node_runs.c.ClaimedBy == _from_elsewhere(run_id, claimed_by),
            ),
        )
        .order_by(node_runs.c.RunID, node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
    )
    return tuple(ClaimedNode(RunID(row.RunID), NodeKey(row.NodeKey), row.Attempt) for row in rows)


def _select_demands_and_limits() -> sa.CompoundSelect[Any]:
    setting = SELECT_LIMITS.subquery("setting")
    text = sa.cast(sa.null(), LongText)
    of_runs = sa.select(
        runs.c.RunID,
        runs.c.DataProductID,
        runs.c.State,
        runs.c.ActiveNodes,
        runs.c.ReadyNodes,
        runs.c.MaxParallelNodes,
        runs.c.LastPlaceAt,
        runs.c.CancelRequestedAt,
        runs.c.CreatedAt,
        text.label("Category"),
        text.label("Key"),
        text.label("Value"),
    ).where(runs.c.State.in_([state for state in RunState if state not in FINAL_RUN_STATES]))
    of_settings = sa.select(
        *(sa.cast(sa.null(), column.type) for column in list(of_runs.selected_columns)[:9]),
        setting.c.CategoryName,
        setting.c.ItemKey,
        setting.c.ItemValue,
    )
    return sa.union_all(of_runs, of_settings)


_DEMANDS_AND_LIMITS = _select_demands_and_limits()


def _demands_and_limits(connection: sa.Connection, now: datetime) -> tuple[list[Demand], LiveLimits]:
    """Return every open run, the oldest first, and the limits in effect, all in one query."""
    rows = connection.execute(_DEMANDS_AND_LIMITS, {"at": now}).all()
    demands = [
        Demand(
            run_id=RunID(row.RunID),
            product_id=row.DataProductID,
            active=row.ActiveNodes,
            ready=row.ReadyNodes,
            # Before it begins and after it was cancelled, a run takes no place.
            most=row.MaxParallelNodes
            if row.State == RunState.RUNNING and row.CancelRequestedAt is None
            else 0,
            served_at=row.LastPlaceAt,
        )
        for row in sorted(
            (row for row in rows if row.RunID is not None), key=lambda row: (row.CreatedAt, row.RunID)
        )
    ]
    settings = {f"{row.Category}.{row.Key}": row.Value for row in rows if row.RunID is None}
    return demands, limits_of(settings)


def _with(demand: Demand, own: Counts) -> Demand:
    return replace(demand, active=demand.active - own.freed, ready=demand.ready + own.ready)


def _claim(
    connection: sa.Connection,
    granted: Mapping[RunID, int],
    turns: Sequence[datetime],
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
) -> Sequence[sa.Row[Any]]:
    """Claim the nodes that get the places granted to their runs, and return them in the order of their turns."""
    if turns[-1] <= now:
        # Whoever need not wait for a turn needs none by name.
        moved: list[sa.Row[Any]] = []
        for run_id, places in granted.items():
            is_own = own_run is None or own_run == run_id
            name = claimed_by if is_own else _from_elsewhere(own_run, claimed_by)
            parameters = {"run_id": run_id, "claimed_by": name, "now": now}
            rows = connection.execute(_claiming_at_once(places), parameters)
            moved += sorted(rows, key=lambda row: (-row.Priority, row.NodeRunID))
        return moved
    return _claim_with_turns(connection, granted, turns, own_run, claimed_by, now)


@lru_cache(maxsize=1024)
def _claiming_at_once(places: int) -> sa.Update:
    """Return the statement that claims so many nodes of a run; made once, as making it costs more than sending it."""
    chosen = _ready_nodes(sa.bindparam("run_id")).limit(places).subquery()
    columns = node_runs.c
    return (
        sa.update(node_runs)
        .where(*_still_ready(sa.select(chosen)))
        .values(ClaimedBy=sa.bindparam("claimed_by"), ClaimedAt=sa.bindparam("now"), SubmitAt=None)
        .returning(columns.NodeRunID, columns.RunID, columns.NodeKey, columns.Attempt, columns.Priority)
    )


def _claim_with_turns(
    connection: sa.Connection,
    granted: Mapping[RunID, int],
    turns: Sequence[datetime],
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
) -> Sequence[sa.Row[Any]]:
    columns = node_runs.c
    of_runs = [sa.select(_ready_nodes(run_id).limit(places).subquery()) for run_id, places in granted.items()]
    chosen = connection.execute(
        sa.select(columns.NodeRunID, columns.RunID, columns.NodeKey, columns.Attempt)
        .where(columns.NodeRunID.in_(sa.union_all(*of_runs)))
        .order_by(columns.Priority.desc(), columns.NodeRunID)
    ).all()
    name: Any = claimed_by
    if own_run is not None:
        name = sa.case((columns.RunID == own_run, claimed_by), else_=_from_elsewhere(own_run, claimed_by))
    turn_of = dict(zip((row.NodeRunID for row in chosen), turns, strict=False))
    claimed: set[int] = set()
    for ids in _batches([row.NodeRunID for row in chosen]):
        submit_at = sa.case(
            *(
                (columns.NodeRunID == node_id, sa.bindparam(None, turn_of[node_id], columns.SubmitAt.type))
                for node_id in ids
            )
        )
        moved_ids: Iterable[int] = connection.execute(
            sa.update(node_runs)
            .where(*_still_ready(ids))
            .values(ClaimedBy=name, ClaimedAt=now, SubmitAt=submit_at)
            .returning(columns.NodeRunID)
        ).scalars()
        claimed |= set(moved_ids)
    return [row for row in chosen if row.NodeRunID in claimed]


def _ready_nodes(run_id: Any) -> sa.Select[Any]:
    """Return the query for the ids of the ready nodes of a run, longest remaining path first."""
    return (
        sa.select(node_runs.c.NodeRunID)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.State == NodeState.READY,
            node_runs.c.ClaimedAt.is_(None),
        )
        .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
    )


def _still_ready(chosen: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for claims that still hold: somebody may have cancelled a run meanwhile."""
    return (
        node_runs.c.NodeRunID.in_(chosen),
        node_runs.c.State == NodeState.READY,
        node_runs.c.ClaimedAt.is_(None),
    )


_COUNT = (
    sa.update(runs)
    .where(runs.c.RunID == sa.bindparam("run_id"))
    .values(
        OpenNodes=runs.c.OpenNodes - sa.bindparam("closed"),
        ActiveNodes=runs.c.ActiveNodes + sa.bindparam("taken"),
        ReadyNodes=runs.c.ReadyNodes + sa.bindparam("waiting"),
        RowsRead=runs.c.RowsRead + sa.bindparam("read"),
        RowsPublished=runs.c.RowsPublished + sa.bindparam("published"),
        RowsQuarantined=runs.c.RowsQuarantined + sa.bindparam("quarantined"),
        LastPlaceAt=sa.func.coalesce(
            sa.bindparam("served_at", type_=runs.c.LastPlaceAt.type), runs.c.LastPlaceAt
        ),
    )
)
_COUNT_OWN = _COUNT.returning(runs.c.OpenNodes)


def _count(
    connection: sa.Connection,
    taken: Iterable[sa.Row[Any]],
    own_run: RunID | None,
    own: Counts | None,
    now: datetime,
) -> int | None:
    """Write what has changed in the counters of all runs, and return how many nodes of the own one are open."""
    claimed = Counter(row.RunID for row in taken)

    def change(run_id: str | None, counts: Counts) -> dict[str, Any]:
        places = claimed[run_id]
        return {
            "run_id": run_id,
            "closed": counts.closed,
            "taken": places - counts.freed,
            "waiting": counts.ready - places,
            "read": counts.read,
            "published": counts.published,
            "quarantined": counts.quarantined,
            "served_at": now if places else None,
        }

    others = [change(run_id, Counts()) for run_id in claimed if own is None or run_id != own_run]
    if others:
        connection.execute(_COUNT, others)
    if own is None:
        return None
    left: int = connection.execute(_COUNT_OWN, change(own_run, own)).scalar_one()
    return left


def _from_elsewhere(run_id: RunID | None, claimed_by: str) -> str:
    """Return the claimer's name as it stands with the nodes of other runs."""
    return f"{run_id}/{claimed_by}"


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _MOST_IN_ONE] for start in range(0, len(ids), _MOST_IN_ONE))
