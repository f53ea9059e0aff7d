"""What an incremental node last built from, and whether it may build from what is new since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, runs, transformation_states
from landfall.planning.definition import definition_hash
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState

# As many as fit into the condition of a write without slowing it down; older jobs are gone for good.
_MOST_DISCARDED = 100


@dataclass(frozen=True, slots=True)
class BuiltFrom:
    """What a node last built from.

    Attributes:
        inputs: Version and stamp of each input by its name, as the node result had them.
    """

    definition_hash: str
    inputs: Mapping[str, Mapping[str, Any]]


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


def load_of(
    definition: Mapping[str, Any], versions: Mapping[str, int | None], built_from: BuiltFrom | None
) -> dict[str, Any] | None:
    """Return the ``load`` of a node spec: since when rows are new, or why everything is read.

    Args:
        definition: The node's definition from the pinned plan.
        versions: The version of each input that the node reads, by the input's name.

    Returns:
        ``None`` for a node that is not incremental.
    """
    load = definition["load"]
    if load is None:
        return None
    reason = _why_everything(definition, versions, built_from)
    first = definition["inputs"][0]["name"]
    since = built_from.inputs[first] if built_from is not None and not reason else None
    return {"since": since, "reason": reason, "groups": load["groups"], "restate": load["restate"]}


def _why_everything(
    definition: Mapping[str, Any], versions: Mapping[str, int | None], built_from: BuiltFrom | None
) -> str:
    if definition["load"]["full"]:
        return "it was asked for"
    if built_from is None:
        return "nothing was built before"
    if built_from.definition_hash != definition_hash(definition):
        return "its definition has changed since it was built last"
    first, *others = definition["inputs"]
    known = built_from.inputs.get(first["name"], {})
    if known.get("version") is None or known.get("stamp") is None:
        return f"nobody knows which version of {first['name']} was built from last"
    tolerated = set(definition["load"]["tolerate"])
    for item in others:
        name = item["name"]
        before = built_from.inputs.get(name, {}).get("version")
        if name not in tolerated and (before is None or before != versions.get(name)):
            return f"{name} has changed since it was built last"
    return ""


def discarded_runs(
    connection: sa.Connection, product_id: int, run_id: RunID, key: NodeKey
) -> tuple[str, ...]:
    """Return the newest other runs in which a node was started and did not succeed.

    Their jobs may have written rows before they were given up, and may do so yet. Nobody was told of these
    rows, so the next write of the table takes them away.
    """
    rows: Iterable[str] = connection.execute(
        sa.select(node_runs.c.RunID)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(
            runs.c.DataProductID == product_id,
            node_runs.c.NodeKey == key,
            node_runs.c.RunID != run_id,
            node_runs.c.StartedAt.is_not(None),
            node_runs.c.State.in_([NodeState.FAILED, NodeState.CANCELLED]),
        )
        .order_by(runs.c.CreatedAt.desc())
        .limit(_MOST_DISCARDED)
    ).scalars()
    return tuple(rows)
