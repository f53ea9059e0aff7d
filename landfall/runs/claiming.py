"""Claiming: which ready nodes get the free places, of whatever run, and when each may call the Jobs API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.gate import live_limits, take_turns
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


def claim_places(
    connection: sa.Connection, *, own_run: RunID | None, claimed_by: str, now: datetime
) -> tuple[ClaimedNode, ...]:
    """Give free places to ready nodes, of each run longest remaining path first; return those nodes.

    The caller holds the gate. The statements are the same number whatever the size of the graphs.

    Args:
        own_run: The run of whoever claims; ``None`` if it has none.
        claimed_by: Name of the claimer within its run.
    """
    limits = live_limits(connection, now)
    demands = _demands(connection)
    granted = share(demands, installation=limits.nodes, of_product=limits.nodes_of)
    chosen = _choose(connection, granted)
    if not chosen:
        return ()
    turn_of = dict(
        zip(
            (row.NodeRunID for row in chosen),
            take_turns(connection, len(chosen), limits, now=now),
            strict=True,
        )
    )
    claimed: set[int] = set()
    for ids in _batches([row.NodeRunID for row in chosen]):
        claimed |= _claim(connection, ids, turn_of, own_run, claimed_by, now)
    taken = [row for row in chosen if row.NodeRunID in claimed]
    _count(connection, taken, now)
    return tuple(ClaimedNode(RunID(row.RunID), NodeKey(row.NodeKey), row.Attempt) for row in taken)


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


def _demands(connection: sa.Connection) -> list[Demand]:
    rows = connection.execute(
        sa.select(
            runs.c.RunID,
            runs.c.DataProductID,
            runs.c.State,
            runs.c.ActiveNodes,
            runs.c.ReadyNodes,
            runs.c.MaxParallelNodes,
            runs.c.LastPlaceAt,
            runs.c.CancelRequestedAt,
        )
        .where(runs.c.State.in_([state for state in RunState if state not in FINAL_RUN_STATES]))
        .order_by(runs.c.CreatedAt, runs.c.RunID)
    )
    return [
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
        for row in rows
    ]


def _choose(connection: sa.Connection, granted: Mapping[RunID, int]) -> Sequence[sa.Row[Any]]:
    """Return the ready nodes that get the places granted to their runs."""
    if not granted:
        return ()
    of_runs = [
        sa.select(
            sa.select(node_runs.c.NodeRunID, node_runs.c.RunID, node_runs.c.NodeKey, node_runs.c.Attempt)
            .where(
                node_runs.c.RunID == run_id,
                node_runs.c.State == NodeState.READY,
                node_runs.c.ClaimedAt.is_(None),
            )
            .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
            .limit(places)
            .subquery()
        )
        for run_id, places in granted.items()
    ]
    return connection.execute(sa.union_all(*of_runs)).all()


def _claim(
    connection: sa.Connection,
    ids: Sequence[int],
    turn_of: Mapping[int, datetime],
    own_run: RunID | None,
    claimed_by: str,
    now: datetime,
) -> set[int]:
    """Write the claims that still hold and return their ids: somebody may have cancelled a run meanwhile."""
    later = {node_id: turn_of[node_id] for node_id in ids if turn_of[node_id] > now}
    submit_at: Any = None
    if later:
        instant = node_runs.c.SubmitAt.type
        submit_at = sa.case(
            *(
                (node_runs.c.NodeRunID == node_id, sa.bindparam(None, turn, instant))
                for node_id, turn in later.items()
            ),
            else_=None,
        )
    name: Any = claimed_by
    if own_run is not None:
        name = sa.case((node_runs.c.RunID == own_run, claimed_by), else_=_from_elsewhere(own_run, claimed_by))
    moved = connection.execute(
        sa.update(node_runs)
        .where(
            node_runs.c.NodeRunID.in_(ids),
            node_runs.c.State == NodeState.READY,
            node_runs.c.ClaimedAt.is_(None),
        )
        .values(ClaimedBy=name, ClaimedAt=now, SubmitAt=submit_at)
        .returning(node_runs.c.NodeRunID)
    )
    return set(moved.scalars())


def _count(connection: sa.Connection, taken: Iterable[sa.Row[Any]], now: datetime) -> None:
    """Move the claimed nodes from those that wait for a place to those that hold one, run by run."""
    by_run: dict[str, int] = {}
    for row in taken:
        by_run[row.RunID] = by_run.get(row.RunID, 0) + 1
    if not by_run:
        return
    claimed = sa.case(*((runs.c.RunID == run_id, count) for run_id, count in by_run.items()))
    connection.execute(
        sa.update(runs)
        .where(runs.c.RunID.in_(by_run))
        .values(
            ActiveNodes=runs.c.ActiveNodes + claimed,
            ReadyNodes=runs.c.ReadyNodes - claimed,
            LastPlaceAt=now,
        )
    )


def _from_elsewhere(run_id: RunID, claimed_by: str) -> str:
    """Return the claimer's name as it stands with the nodes of other runs."""
    return f"{run_id}/{claimed_by}"


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _MOST_IN_ONE] for start in range(0, len(ids), _MOST_IN_ONE))
