"""The packs of a run: made when it is opened, and ready when nothing outside of them keeps them waiting."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_run_edges, node_runs, packs
from landfall.planning.packs import PackLimits, make_packs
from landfall.planning.plan import NodeKey, Plan
from landfall.planning.ranking import Durations
from landfall.runs.claiming import Counts
from landfall.runs.ids import RunID, pack_key, pack_number
from landfall.runs.states import OPEN_NODE_STATES, NodeState, PackState
from landfall.spec.model import ExecutionMode, RunSettings

# SQL Server takes at most 2,100 parameters in one statement.
_MOST_IN_ONE = 500


def packs_of_plan(plan: Plan, settings: RunSettings, durations: Durations) -> tuple[tuple[NodeKey, ...], ...]:
    """Return the packs of a run to be opened; none where each node has a job run of its own."""
    if settings.execution is not ExecutionMode.PACKED:
        return ()
    limits = PackLimits(settings.pack_nodes, settings.pack_duration_s, settings.max_parallel_nodes)
    return make_packs(plan, limits, durations.job_s)


def pack_rows(
    run_id: RunID, plan: Plan, members: Sequence[Sequence[NodeKey]], rank_of: Mapping[NodeKey, int]
) -> tuple[list[dict[str, Any]], dict[NodeKey, NodeKey]]:
    """Return the rows of the packs of a new run, and the pack of each of its nodes."""
    of_node = {key: pack_key(number) for number, keys in enumerate(members, start=1) for key in keys}
    outside = {
        of_node[node.key]
        for node in plan.nodes
        for upstream in node.depends_on
        if of_node and of_node[upstream] != of_node[node.key]
    }
    rows = [
        a_pack(
            run_id,
            pack_key(number),
            PackState.WAITING if pack_key(number) in outside else PackState.READY,
            priority=max(rank_of[key] for key in keys),
        )
        for number, keys in enumerate(members, start=1)
    ]
    return rows, of_node


def a_pack(
    run_id: RunID, key: NodeKey, state: PackState, *, priority: int, submit_at: datetime | None = None
) -> dict[str, Any]:
    """Return the row of a pack that nobody has claimed."""
    return {"RunID": run_id, "PackKey": key, "State": state, "Priority": priority, "SubmitAt": submit_at}


def next_pack_number(connection: sa.Connection, run_id: RunID) -> int:
    """Return the number that the next pack of a run gets; the caller holds the gate."""
    newest: str = connection.execute(
        sa.select(packs.c.PackKey).where(packs.c.RunID == run_id).order_by(packs.c.PackID.desc()).limit(1)
    ).scalar_one()
    return pack_number(NodeKey(newest)) + 1


def packs_of(connection: sa.Connection, run_id: RunID, keys: Collection[NodeKey]) -> frozenset[NodeKey]:
    """Return the packs that nodes are in."""
    found: set[NodeKey] = set()
    for batch in batches(sorted(keys)):
        rows = connection.execute(
            sa.select(node_runs.c.PackKey)
            .distinct()
            .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(batch))
        )
        found.update(NodeKey(row.PackKey) for row in rows)
    return frozenset(found)


def not_in_a_job_run() -> sa.ColumnElement[bool]:
    """Return the condition that a node is in no pack that a job run has taken."""
    submitted = sa.exists().where(
        packs.c.RunID == node_runs.c.RunID,
        packs.c.PackKey == node_runs.c.PackKey,
        packs.c.State == PackState.SUBMITTED,
    )
    return ~submitted


def end_unsubmitted_packs(connection: sa.Connection, run_id: RunID, *, now: datetime) -> Counts:
    """End the packs of a run that no job run has taken, and give back their places; the caller ends their nodes."""
    unsubmitted = sa.and_(packs.c.RunID == run_id, packs.c.State.in_([PackState.WAITING, PackState.READY]))
    found = connection.execute(sa.select(packs.c.State, packs.c.ClaimedAt).where(unsubmitted)).all()
    if found:
        connection.execute(sa.update(packs).where(unsubmitted).values(State=PackState.ENDED, FinishedAt=now))
    ready = sum(row.State == PackState.READY and row.ClaimedAt is None for row in found)
    return Counts(freed=sum(row.ClaimedAt is not None for row in found), ready=-ready)


def refresh_packs(connection: sa.Connection, run_id: RunID, keys: Iterable[NodeKey]) -> int:
    """Bring packs that nobody has claimed up to date with their nodes; the caller holds the gate.

    A pack is ready when no open node of it depends on an open node outside of it, and has ended when it has none.

    Returns:
        By how many the ready packs of the run without a place have become more.
    """
    waiting = _unclaimed(connection, run_id, keys)
    if not waiting:
        return 0
    has_open = _packs_with_open_nodes(connection, run_id, waiting)
    held = _packs_held_from_outside(connection, run_id, waiting)
    target = {
        key: PackState.ENDED if key not in has_open else PackState.WAITING if key in held else PackState.READY
        for key in waiting
    }
    changed = [(key, state) for key, state in target.items() if state is not waiting[key]]
    if changed:
        connection.execute(
            _SET_STATE, [{"run_id": run_id, "pack": key, "new_State": state} for key, state in changed]
        )
    return sum((state is PackState.READY) - (waiting[key] is PackState.READY) for key, state in changed)


_SET_STATE = (
    sa.update(packs)
    .where(packs.c.RunID == sa.bindparam("run_id"), packs.c.PackKey == sa.bindparam("pack"))
    .values(State=sa.bindparam("new_State"))
)


def _unclaimed(connection: sa.Connection, run_id: RunID, keys: Iterable[NodeKey]) -> dict[NodeKey, PackState]:
    found: dict[NodeKey, PackState] = {}
    for batch in batches(sorted(keys)):
        rows = connection.execute(
            sa.select(packs.c.PackKey, packs.c.State).where(
                packs.c.RunID == run_id,
                packs.c.PackKey.in_(batch),
                packs.c.State.in_([PackState.WAITING, PackState.READY]),
                packs.c.ClaimedAt.is_(None),
            )
        )
        found |= {NodeKey(row.PackKey): PackState(row.State) for row in rows}
    return found


def _packs_with_open_nodes(
    connection: sa.Connection, run_id: RunID, keys: Iterable[NodeKey]
) -> frozenset[str]:
    found: set[str] = set()
    for batch in batches(sorted(keys)):
        found |= set(
            connection.execute(
                sa.select(node_runs.c.PackKey)
                .distinct()
                .where(
                    node_runs.c.RunID == run_id,
                    node_runs.c.PackKey.in_(batch),
                    node_runs.c.State.in_(OPEN_NODE_STATES),
                )
            ).scalars()
        )
    return frozenset(found)


def _packs_held_from_outside(
    connection: sa.Connection, run_id: RunID, keys: Iterable[NodeKey]
) -> frozenset[str]:
    """Return the packs with an open node that depends on a node of another pack which has not succeeded."""
    upstream, edges = node_runs.alias("upstream"), node_run_edges
    # From the node to its edges to what they lead from: as a join, it may begin with all edges, or nodes, of the run.
    is_open_elsewhere = (
        sa.exists()
        .where(
            upstream.c.RunID == edges.c.RunID,
            upstream.c.NodeKey == edges.c.FromNode,
            upstream.c.State != NodeState.SUCCEEDED,
            upstream.c.PackKey != node_runs.c.PackKey,
        )
        .correlate(edges, node_runs)
    )
    is_held = (
        sa.exists()
        .where(edges.c.RunID == node_runs.c.RunID, edges.c.ToNode == node_runs.c.NodeKey, is_open_elsewhere)
        .correlate(node_runs)
    )
    found: set[str] = set()
    for batch in batches(sorted(keys)):
        found |= set(
            connection.execute(
                sa.select(node_runs.c.PackKey)
                .distinct()
                .where(
                    node_runs.c.RunID == run_id,
                    node_runs.c.PackKey.in_(batch),
                    # A node that is ready, or has ended, waits for none.
                    node_runs.c.State == NodeState.WAITING,
                    is_held,
                )
            ).scalars()
        )
    return frozenset(found)


def batches(keys: Sequence[NodeKey]) -> Iterable[Sequence[NodeKey]]:
    """Yield keys in lots that fit into one statement."""
    return (keys[start : start + _MOST_IN_ONE] for start in range(0, len(keys), _MOST_IN_ONE))
