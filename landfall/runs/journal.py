"""Changes of state: each is a conditional update and a row in RunEvents, in the caller's transaction."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, run_events, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import (
    FINAL_RUN_STATES,
    NODE_CHANGES,
    RUN_CHANGES,
    NodeState,
    RunState,
    sources_of,
)

ORCHESTRATION = "landfall"


def change_run(
    connection: sa.Connection,
    run_id: RunID,
    target: RunState,
    *,
    now: datetime,
    actor: str = ORCHESTRATION,
    reason: str | None = None,
) -> bool:
    """Move a run to ``target`` if that is allowed from where it is; return whether it moved."""
    before: str = connection.execute(sa.select(runs.c.State).where(runs.c.RunID == run_id)).scalar_one()
    if RunState(before) not in sources_of(target, RUN_CHANGES):
        return False
    values: dict[str, Any] = {"State": target}
    if target is RunState.RUNNING:
        values["StartedAt"] = now
    if target in FINAL_RUN_STATES:
        values |= {"FinishedAt": now, "Reason": reason}
    moved = connection.execute(
        sa.update(runs).where(runs.c.RunID == run_id, runs.c.State == before).values(values)
    ).rowcount
    if moved:
        write_event(connection, run_id, None, before, target, now=now, actor=actor, detail=reason)
    return bool(moved)


def change_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    target: NodeState,
    *,
    now: datetime,
    actor: str = ORCHESTRATION,
    detail: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Move a node to ``target`` if that is allowed from where it is; return whether it moved.

    Args:
        values: Further columns to set with the state.
    """
    before: str = connection.execute(
        sa.select(node_runs.c.State).where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).scalar_one()
    if NodeState(before) not in sources_of(target, NODE_CHANGES):
        return False
    moved = connection.execute(
        sa.update(node_runs)
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key, node_runs.c.State == before)
        .values({"State": target, **(values or {})})
    ).rowcount
    if moved:
        write_event(connection, run_id, key, before, target, now=now, actor=actor, detail=detail)
    return bool(moved)


def change_nodes(
    connection: sa.Connection,
    run_id: RunID,
    keys: Collection[NodeKey],
    target: NodeState,
    *,
    now: datetime,
    actor: str = ORCHESTRATION,
    detail: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> tuple[NodeKey, ...]:
    """Move those of ``keys`` to ``target`` for which that is allowed; return them."""
    allowed = sources_of(target, NODE_CHANGES)
    moved: list[tuple[NodeKey, str]] = []
    for batch in _batches(sorted(keys)):
        before = connection.execute(
            sa.select(node_runs.c.NodeKey, node_runs.c.State).where(
                node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(batch), node_runs.c.State.in_(allowed)
            )
        ).all()
        if not before:
            continue
        connection.execute(
            sa.update(node_runs)
            .where(
                node_runs.c.RunID == run_id,
                node_runs.c.NodeKey.in_([row.NodeKey for row in before]),
                node_runs.c.State.in_(allowed),
            )
            .values({"State": target, **(values or {})})
        )
        moved.extend((NodeKey(row.NodeKey), row.State) for row in before)
    if moved:
        connection.execute(
            sa.insert(run_events),
            [_event(run_id, key, state, target, now, actor, detail) for key, state in moved],
        )
    return tuple(key for key, _ in moved)


def write_event(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey | None,
    before: str | None,
    after: str,
    *,
    now: datetime,
    actor: str = ORCHESTRATION,
    detail: str | None = None,
) -> None:
    """Write what changed, when and by whom."""
    connection.execute(sa.insert(run_events), [_event(run_id, key, before, after, now, actor, detail)])


def _event(
    run_id: RunID,
    key: NodeKey | None,
    before: str | None,
    after: str,
    now: datetime,
    actor: str,
    detail: str | None,
) -> dict[str, Any]:
    return {
        "RunID": run_id,
        "NodeKey": key,
        "FromState": before,
        "ToState": after,
        "OccurredAt": now,
        "Actor": actor,
        "Detail": detail,
    }


def _batches(keys: list[NodeKey], size: int = 500) -> Iterable[list[NodeKey]]:
    """SQL Server takes at most 2,100 parameters in one statement."""
    return (keys[start : start + size] for start in range(0, len(keys), size))
