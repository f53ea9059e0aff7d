"""Starting, cancelling and closing a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import settle_files
from landfall.metadata.service_levels import wake_service_levels
from landfall.metadata.tables import node_runs, packs, run_requests, runs
from landfall.planning.plan import NodeKey
from landfall.runs.backfills import settle_chunk
from landfall.runs.claiming import ClaimedNode, claim_places
from landfall.runs.gate import hold_gate
from landfall.runs.ids import RunID
from landfall.runs.journal import change_run, write_event
from landfall.runs.requests import RequestState
from landfall.runs.run_lineage import write_run_lineage
from landfall.runs.settling import cancel_waiting_nodes, open_nodes
from landfall.runs.states import (
    FINAL_RUN_STATES,
    OPEN_NODE_STATES,
    OPEN_RUN_STATES,
    FileState,
    NodeState,
    PackState,
    RunState,
)


class UnknownRun(LandfallError):
    """No run has that id, or an id that begins so."""

    code = "LF3203"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {run_id!r}. `landfall runs list` shows those there are.")


class RunEnded(LandfallError):
    """A run that has ended cannot be cancelled."""

    code = "LF3204"

    def __init__(self, run_id: str, state: RunState) -> None:
        super().__init__(f"Run {run_id} has ended as {state}; nothing is left to cancel.")


@dataclass(frozen=True, slots=True)
class WorkingNode:
    """A node of a cancelled run that is at work."""

    key: NodeKey
    attempt: int
    job_run_id: int | None


@dataclass(frozen=True, slots=True)
class CancelledRun:
    """A run that somebody asked to cancel, and its nodes at work, whose jobs have to end.

    Attributes:
        start: Nodes of other runs that got the places it gave back.
    """

    run_id: RunID
    at_work: tuple[WorkingNode, ...]
    start: tuple[ClaimedNode, ...] = ()


def start_run(connection: sa.Connection, run_id: RunID, *, now: datetime) -> tuple[ClaimedNode, ...]:
    """Set a run going, claim its first nodes, and return every claimed node that is still open.

    For a run that was going before, these are the nodes its former orchestrations may have left.
    """
    gate = hold_gate(connection, now)
    change_run(connection, run_id, RunState.RUNNING, now=now)
    claimed = claim_places(connection, gate, own_run=run_id, claimed_by="run", now=now)
    elsewhere = tuple(node for node in claimed.nodes if node.run_id != run_id)
    return (*_claimed_open_nodes(connection, run_id), *elsewhere)


def close_run(connection: sa.Connection, run_id: RunID, *, now: datetime) -> RunState | None:
    """Put a run into its final state; return ``None`` while a node of it is open.

    Files whose ingest node never ran are rejected with that reason, so that none stays claimed.
    """
    run = connection.execute(sa.select(runs).where(runs.c.RunID == run_id)).one()
    if RunState(run.State) in FINAL_RUN_STATES:
        return RunState(run.State)
    if open_nodes(connection, run_id) > 0:
        return None
    counts = {
        NodeState(row.State): row.Nodes
        for row in connection.execute(
            sa.select(node_runs.c.State, sa.func.count().label("Nodes"))
            .where(node_runs.c.RunID == run_id)
            .group_by(node_runs.c.State)
        )
    }
    if run.CancelRequestedAt is not None and counts.get(NodeState.CANCELLED, 0):
        state, reason = RunState.CANCELLED, f"cancelled by {run.CancelRequestedBy}"
    elif set(counts) <= {NodeState.SUCCEEDED}:
        state, reason = RunState.SUCCEEDED, None
    else:
        state = RunState.FAILED
        reason = ", ".join(f"{counts[key]} {key}" for key in NodeState if key in counts)
    settle_files(
        connection,
        run_id,
        dataset=None,
        state=FileState.REJECTED,
        reason=f"run {run_id} ended before it took the file in",
        now=now,
    )
    change_run(connection, run_id, state, now=now, reason=reason)
    connection.execute(
        sa.update(run_requests).where(run_requests.c.RunID == run_id).values(State=RequestState.DONE)
    )
    settle_chunk(connection, run_id, state, reason, now=now)
    wake_service_levels(connection, run.DataProductID, now=now)
    write_run_lineage(connection, run_id, run.DataProductID, now=now)
    return state


def cancel_run(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> CancelledRun:
    """Ask for the end of a run and return it with the nodes that are at work.

    Raises:
        UnknownRun: There is no such run.
        RunEnded: It has ended.
    """
    # Before its own row: whoever holds the gate may wait for that row.
    gate = hold_gate(connection, now)
    run = connection.execute(sa.select(runs).where(runs.c.RunID == run_id)).one_or_none()
    if run is None:
        raise UnknownRun(run_id)
    if RunState(run.State) in FINAL_RUN_STATES:
        raise RunEnded(run_id, RunState(run.State))
    if run.CancelRequestedAt is None:
        connection.execute(
            sa.update(runs)
            .where(runs.c.RunID == run_id)
            .values(CancelRequestedAt=now, CancelRequestedBy=actor)
        )
        write_event(
            connection, run_id, None, run.State, run.State, now=now, actor=actor, detail="cancel requested"
        )
    counts = cancel_waiting_nodes(connection, run_id, actor=actor, now=now)
    start = claim_places(connection, gate, own_run=run_id, claimed_by="cancel", now=now, own=counts)
    return CancelledRun(run_id, _nodes_at_work(connection, run_id), start.nodes)


def cancelled_runs(connection: sa.Connection) -> tuple[CancelledRun, ...]:
    """Return the runs that somebody asked to cancel and that go on all the same."""
    found: Sequence[str] = (
        connection.execute(
            sa.select(runs.c.RunID)
            .where(runs.c.State.in_(OPEN_RUN_STATES), runs.c.CancelRequestedAt.is_not(None))
            .order_by(runs.c.CancelRequestedAt)
        )
        .scalars()
        .all()
    )
    return tuple(CancelledRun(RunID(run_id), _nodes_at_work(connection, run_id)) for run_id in found)


def _nodes_at_work(connection: sa.Connection, run_id: str) -> tuple[WorkingNode, ...]:
    """Return what has a job run, or may get one: nodes, and packs by their keys."""
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.Attempt, node_runs.c.JobRunID)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.State.in_(OPEN_NODE_STATES),
            node_runs.c.PackKey.is_(None),
        )
        .union_all(
            sa.select(packs.c.PackKey, sa.literal(1), packs.c.JobRunID).where(
                packs.c.RunID == run_id, packs.c.State == PackState.SUBMITTED
            )
        )
    )
    return tuple(WorkingNode(NodeKey(row.NodeKey), row.Attempt, row.JobRunID) for row in rows)


def _claimed_open_nodes(connection: sa.Connection, run_id: RunID) -> tuple[ClaimedNode, ...]:
    """Return what holds a place, nodes or packs, longest remaining path first."""
    rows = connection.execute(
        sa.select(
            node_runs.c.NodeKey, node_runs.c.Attempt, node_runs.c.Priority, node_runs.c.NodeRunID.label("ID")
        )
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.ClaimedAt.is_not(None),
            node_runs.c.State.in_(OPEN_NODE_STATES),
        )
        .union_all(
            sa.select(packs.c.PackKey, sa.literal(1), packs.c.Priority, packs.c.PackID).where(
                packs.c.RunID == run_id, packs.c.ClaimedAt.is_not(None), packs.c.State != PackState.ENDED
            )
        )
    ).all()
    ordered = sorted(rows, key=lambda row: (-row.Priority, row.ID))
    return tuple(ClaimedNode(run_id, NodeKey(row.NodeKey), row.Attempt) for row in ordered)
