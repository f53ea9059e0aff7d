"""What incremental nodes last built from, in SQL, and runs that may have left rows of theirs behind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, runs, transformation_states
from landfall.planning.definition import definition_hash
from landfall.planning.increments import BuiltFrom
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState

# As many as fit into the condition of a write without slowing it down; older jobs are gone for good.
_MOST_DISCARDED = 100


def find_built_from(connection: sa.Connection, product_id: int, key: NodeKey) -> BuiltFrom | None:
    """Return what a node last built from with success, ``None`` if it never did or it cannot be told."""
    row = connection.execute(
        sa.select(transformation_states.c.DefinitionHash, transformation_states.c.Inputs).where(
            transformation_states.c.DataProductID == product_id, transformation_states.c.NodeKey == key
        )
    ).one_or_none()
    return None if row is None else BuiltFrom(row.DefinitionHash, row.Inputs)


def record_built_from(
    connection: sa.Connection,
    product_id: int,
    run_id: RunID,
    key: NodeKey,
    definition: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Write what an incremental node has built from, in the transaction that says it succeeded."""
    values = {
        "RunID": run_id,
        "DefinitionHash": definition_hash(definition),
        "Inputs": {item["name"]: {"version": item["version"], "stamp": item["stamp"]} for item in inputs},
        "BuiltAt": now,
    }
    this = sa.and_(
        transformation_states.c.DataProductID == product_id, transformation_states.c.NodeKey == key
    )
    if not connection.execute(sa.update(transformation_states).where(this).values(values)).rowcount:
        connection.execute(
            sa.insert(transformation_states).values(DataProductID=product_id, NodeKey=key, **values)
        )


# As its index says it: a parameter in its place would keep the index from being used.
_DID_NOT_SUCCEED = node_runs.c.State.in_(
    [sa.literal_column(f"'{state}'") for state in (NodeState.CANCELLED, NodeState.FAILED)]
)


def discarded_runs(
    connection: sa.Connection, product_id: int, run_id: RunID, keys: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return what ``DISCARDED_RUNS`` gives of each of several nodes, by the nodes that have any."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.RunID)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(
            # Of the node runs, whose index has the few that came to nothing; a product has any number of runs.
            node_runs.c.DataProductID == product_id,
            node_runs.c.NodeKey.in_(keys),
            node_runs.c.RunID != run_id,
            node_runs.c.StartedAt.is_not(None),
            _DID_NOT_SUCCEED,
        )
        .order_by(runs.c.CreatedAt.desc())
    )
    for row in rows:
        found.setdefault(row.NodeKey, []).append(row.RunID)
    return {key: tuple(sorted(ids[:_MOST_DISCARDED], reverse=True)) for key, ids in found.items()}


DISCARDED_RUNS = (
    sa.select(node_runs.c.RunID)
    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
    .where(
        node_runs.c.DataProductID == sa.bindparam("product_id"),
        node_runs.c.NodeKey == sa.bindparam("key"),
        node_runs.c.RunID != sa.bindparam("run_id"),
        node_runs.c.StartedAt.is_not(None),
        _DID_NOT_SUCCEED,
    )
    .order_by(runs.c.CreatedAt.desc())
    .limit(_MOST_DISCARDED)
)
"""The newest other runs than ``run_id`` in which the node ``key`` was started and did not succeed.

Their jobs may have written rows before they were given up, and may do so yet. Nobody was told of these rows, so the
next write of the table takes them away.
"""
