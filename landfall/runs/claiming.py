"""Claiming: which ready nodes get the free places, of whatever run, and when each may call the Jobs API."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from landfall.metadata.columns import LongText
from landfall.metadata.tables import node_runs, packs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.gate import SELECT_LIMITS, Gate, LiveLimits, limits_of, take_turns
from landfall.runs.ids import RunID
from landfall.runs.sharing import Demand, share
from landfall.runs.states import FINAL_RUN_STATES, NodeState, PackState, RunState

# SQL Server takes at most 2,100 parameters in one statement.
_MOST_IN_ONE = 500


@dataclass(frozen=True, slots=True)
class ClaimedNode:
    """A node, or a pack by its key, that was given a place and has to be started."""

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
        packed = {demand.run_id for demand in demands if demand.packed}
        taken = _claim(connection, granted, packed, turns, own_run, claimed_by, now)
    open_nodes = _count(connection, taken, own_run, own, now)
    return Claims(
        tuple(ClaimedNode(RunID(row.RunID), NodeKey(row.NodeKey), row.Attempt) for row in taken), open_nodes
    )


def claimed_not_started(
    connection: sa.Connection, run_id: RunID, *, claimed_by: str
) -> tuple[ClaimedNode, ...]:
    """Return the nodes that ``claimed_by`` of a run has claimed and that no attempt has begun."""
    found = []
    for units in (_NODES, _PACKS):
        columns = units.table.c
        rows = connection.execute(
            sa.select(*units.answer)
            .where(
                columns.State == units.ready,
                columns.ClaimedAt.is_not(None),
                sa.or_(
                    sa.and_(columns.RunID == run_id, columns.ClaimedBy == claimed_by),
                    columns.ClaimedBy == _from_elsewhere(run_id, claimed_by),
                ),
            )
            .order_by(columns.RunID, columns.Priority.desc(), units.id)
        )
        found += [ClaimedNode(RunID(row.RunID), NodeKey(row.NodeKey), row.Attempt) for row in rows]
    return tuple(found)


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
        runs.c.PackNodes,
        runs.c.LastPlaceAt,
        runs.c.CancelRequestedAt,
        runs.c.CreatedAt,
        text.label("Category"),
        text.label("Key"),
        text.label("Value"),
    ).where(runs.c.State.in_([state for state in RunState if state not in FINAL_RUN_STATES]))
    of_settings = sa.select(
        *(sa.cast(sa.null(), column.type) for column in list(of_runs.selected_columns)[:10]),
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
            packed=row.PackNodes is not None,
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
    packed: Collection[RunID],
    turns: Sequence[datetime],
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
) -> Sequence[sa.Row[Any]]:
    """Claim what gets the places granted to the runs, and return it in the order of its turns.

    Args:
        packed: Runs in which packs are claimed instead of nodes.
    """
    if turns[-1] <= now:
        # Whoever need not wait for a turn needs none by name.
        moved: list[sa.Row[Any]] = []
        for run_id, places in granted.items():
            is_own = own_run is None or own_run == run_id
            name = claimed_by if is_own else _from_elsewhere(own_run, claimed_by)
            parameters = {"run_id": run_id, "claimed_by": name, "now": now}
            rows = connection.execute(_claiming_at_once(places, packed=run_id in packed), parameters)
            moved += sorted(rows, key=lambda row: (-row.Priority, row.ID))
        return moved
    left = list(turns)
    moved = []
    for units in (_NODES, _PACKS):
        of_units = {run_id: n for run_id, n in granted.items() if (run_id in packed) is (units is _PACKS)}
        if of_units:
            count = sum(of_units.values())
            of_these, left = left[:count], left[count:]
            moved += _claim_with_turns(connection, units, of_units, of_these, own_run, claimed_by, now)
    return moved


@dataclass(frozen=True, slots=True)
class _Units:
    """What is claimed: nodes, or packs of them; both have their state, place and turn in columns of the same names."""

    table: sa.Table
    id: sa.Column[int]
    key: sa.Column[str]
    ready: str

    @property
    def answer(self) -> tuple[sa.ColumnElement[Any], ...]:
        """Return the columns of what was claimed; a pack is one attempt of each of its nodes."""
        columns = self.table.c
        attempt = columns.Attempt if "Attempt" in columns else sa.literal_column("1").label("Attempt")
        return self.id.label("ID"), columns.RunID, self.key.label("NodeKey"), attempt, columns.Priority


_NODES = _Units(node_runs, node_runs.c.NodeRunID, node_runs.c.NodeKey, NodeState.READY)
_PACKS = _Units(packs, packs.c.PackID, packs.c.PackKey, PackState.READY)


@lru_cache(maxsize=1024)
def _claiming_at_once(places: int, *, packed: bool) -> sa.Update:
    """Return the statement that claims so many of a run; made once, as making it costs more than sending it."""
    units = _PACKS if packed else _NODES
    chosen = _ready_units(units, sa.bindparam("run_id")).limit(places).subquery()
    claim: dict[str, Any] = {"ClaimedBy": sa.bindparam("claimed_by"), "ClaimedAt": sa.bindparam("now")}
    if not packed:
        # A pack of attempts that repeat others has its pause in there.
        claim["SubmitAt"] = None
    return (
        sa.update(units.table)
        .where(*_still_ready(units, sa.select(chosen)))
        .values(claim)
        .returning(*units.answer)
    )


def _claim_with_turns(
    connection: sa.Connection,
    units: _Units,
    granted: Mapping[RunID, int],
    turns: Sequence[datetime],
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
) -> Sequence[sa.Row[Any]]:
    columns = units.table.c
    of_runs = [
        sa.select(_ready_units(units, run_id).limit(places).subquery()) for run_id, places in granted.items()
    ]
    chosen = connection.execute(
        sa.select(*units.answer, columns.SubmitAt)
        .where(units.id.in_(sa.union_all(*of_runs)))
        .order_by(columns.Priority.desc(), units.id)
    ).all()
    name: Any = claimed_by
    if own_run is not None:
        name = sa.case((columns.RunID == own_run, claimed_by), else_=_from_elsewhere(own_run, claimed_by))
    turn_of = {row.ID: turn for row, turn in zip(chosen, turns, strict=False)}
    if units is _PACKS:
        turn_of |= {row.ID: max(turn_of[row.ID], row.SubmitAt or turn_of[row.ID]) for row in chosen}
    claimed: set[int] = set()
    for ids in _batches([row.ID for row in chosen]):
        submit_at = sa.case(
            *((units.id == one, sa.bindparam(None, turn_of[one], columns.SubmitAt.type)) for one in ids)
        )
        moved_ids: Iterable[int] = connection.execute(
            sa.update(units.table)
            .where(*_still_ready(units, ids))
            .values(ClaimedBy=name, ClaimedAt=now, SubmitAt=submit_at)
            .returning(units.id)
        ).scalars()
        claimed |= set(moved_ids)
    return [row for row in chosen if row.ID in claimed]


def _ready_units(units: _Units, run_id: Any) -> sa.Select[Any]:
    """Return the query for the ids of what is ready in a run, longest remaining path first."""
    columns = units.table.c
    return (
        sa.select(units.id)
        .where(columns.RunID == run_id, columns.State == units.ready, columns.ClaimedAt.is_(None))
        .order_by(columns.Priority.desc(), units.id)
    )


def _still_ready(units: _Units, chosen: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for claims that still hold: somebody may have cancelled a run meanwhile."""
    columns = units.table.c
    return units.id.in_(chosen), columns.State == units.ready, columns.ClaimedAt.is_(None)


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
