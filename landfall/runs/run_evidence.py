"""The evidence on a run: itself, and the limits and the gate that its nodes meet."""

from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import node_gate, runs
from landfall.runs.gate import live_limits
from landfall.runs.ids import RunID
from landfall.runs.queries import get_run
from landfall.runs.states import FINAL_RUN_STATES, RunState
from landfall.runs.why.values import Gate, Limit, RunEvidence


def run_evidence(connection: sa.Connection, run_id: RunID, *, now: datetime) -> RunEvidence:
    """Return the evidence on a run.

    Raises:
        UnknownRun: There is none.
    """
    detail = get_run(connection, run_id)
    row = connection.execute(
        sa.select(
            runs.c.DataProductID, runs.c.MaxParallelNodes, runs.c.ActiveNodes, runs.c.CancelRequestedBy
        ).where(runs.c.RunID == run_id)
    ).one()
    limits = live_limits(connection, now)
    taken = _places_taken(connection)
    held = connection.execute(sa.select(node_gate.c.HeldUntil, node_gate.c.HoldReason)).one()
    return RunEvidence(
        detail,
        of_run=Limit("runs.max_parallel_nodes", row.MaxParallelNodes, row.ActiveNodes),
        of_product=Limit(
            "limits.nodes_per_product", limits.nodes_of(row.DataProductID), taken.get(row.DataProductID, 0)
        ),
        of_all=Limit("limits.nodes", limits.nodes, sum(taken.values())),
        gate=Gate(
            per_second=float(limits.values["jobs.submissions_per_second"]),
            per_hour=int(limits.values["jobs.submissions_per_hour"]),
            held_until=held.HeldUntil,
            hold_reason=held.HoldReason,
        ),
        cancelled_by=row.CancelRequestedBy,
    )


def _places_taken(connection: sa.Connection) -> dict[int, int]:
    """Return how many places the open runs of each product hold."""
    rows = connection.execute(
        sa.select(runs.c.DataProductID, sa.func.sum(runs.c.ActiveNodes).label("Nodes"))
        .where(runs.c.State.in_([state for state in RunState if state not in FINAL_RUN_STATES]))
        .group_by(runs.c.DataProductID)
    )
    return {row.DataProductID: int(row.Nodes) for row in rows}
