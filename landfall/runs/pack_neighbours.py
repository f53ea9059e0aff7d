"""The nodes that share a job run with another one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState


@dataclass(frozen=True, slots=True)
class PackNeighbour:
    """A node of the same pack; its times are those that the job gives for this node."""

    key: NodeKey
    state: NodeState
    started_at: datetime | None
    finished_at: datetime | None


def pack_neighbours(
    connection: sa.Connection, run_id: RunID, pack: NodeKey | None, key: NodeKey
) -> tuple[PackNeighbour, ...]:
    """Return the other nodes of a node's pack, in the order of the plan; none of a node that is in no pack."""
    if pack is None:
        return ()
    columns = node_runs.c
    rows = connection.execute(
        sa.select(columns.NodeKey, columns.State, columns.StartedAt, columns.FinishedAt)
        .where(columns.RunID == run_id, columns.PackKey == pack, columns.NodeKey != key)
        .order_by(columns.NodeRunID)
    )
    return tuple(
        PackNeighbour(NodeKey(row.NodeKey), NodeState(row.State), row.StartedAt, row.FinishedAt)
        for row in rows
    )
