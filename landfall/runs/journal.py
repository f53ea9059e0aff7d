"""Changes of state: each is a conditional update and a row in RunEvents, in the caller's transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, run_events, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.lineage_outbox import Moment, put_moment
from landfall.runs.states import (
    FINAL_RUN_STATES,
    NODE_CHANGES,
    RUN_CHANGES,
    NodeState,
    RunState,
    sources_of,
)

ORCHESTRATION = "landfall"

# A row of RunEvents, by column.
Event = dict[str, Any]

_WRITE_EVENTS = sa.insert(run_events)


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
        if target is RunState.RUNNING:
            put_moment(connection, run_id, Moment.START, now=now)
        if target in FINAL_RUN_STATES:
            put_moment(connection, run_id, Moment.END, now=now)
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
    before: NodeState | None = None,
    events: list[Event] | None = None,
) -> bool:
    """Move a node to ``target`` if that is allowed from where it is; return whether it moved.

    Args:
        values: Further columns to set with the state.
        before: Where the caller has seen it; ``None`` if it has not looked.
        events: Takes the row of RunEvents, which the caller writes with others; ``None`` writes it here.
    """
    state = _state_of(connection, run_id, key) if before is None else before
    while state in sources_of(target, NODE_CHANGES):
        if move_node(
            connection,
            run_id,
            key,
            state,
            target,
            now=now,
            actor=actor,
            detail=detail,
            values=values,
            events=events,
        ):
            return True
        # Somebody else moved it in between, maybe to where the change is allowed as well.
        state = _state_of(connection, run_id, key)
    return False


def move_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    before: NodeState,
    target: NodeState,
    *,
    now: datetime,
    attempt: int | None = None,
    actor: str = ORCHESTRATION,
    detail: str | None = None,
    values: Mapping[str, Any] | None = None,
    once: Mapping[str, Any] | None = None,
    events: list[Event] | None = None,
) -> bool:
    """Move a node from ``before``, from where that is allowed, to ``target``; return ``False`` if it is not there.

    Args:
        attempt: The attempt that the node must be at; ``None`` means any.
        values: Further columns to set with the state.
        once: Further columns to set if they are empty.
        events: As for ``change_node``.
    """
    written, first = values or {}, once or {}
    moved = connection.execute(
        _moving(tuple(written), tuple(first), attempt is not None),
        {
            "run_id": run_id,
            "key": key,
            "before": before,
            "attempt": attempt,
            "target": target,
            **{f"new_{name}": value for name, value in (*written.items(), *first.items())},
        },
    ).rowcount
    if moved:
        event = an_event(run_id, key, before, target, now=now, actor=actor, detail=detail)
        if events is None:
            write_events(connection, [event])
        else:
            events.append(event)
    return bool(moved)


@cache
def _moving(values: tuple[str, ...], once: tuple[str, ...], at_attempt: bool) -> sa.Update:
    """Return the statement that moves a node and sets columns; made once, as making it costs more than sending it."""
    columns = node_runs.c
    here = [
        columns.RunID == sa.bindparam("run_id"),
        columns.NodeKey == sa.bindparam("key"),
        columns.State == sa.bindparam("before"),
    ]
    if at_attempt:
        here.append(columns.Attempt == sa.bindparam("attempt"))
    new = {name: sa.bindparam(f"new_{name}", type_=columns[name].type) for name in (*values, *once)}
    kept = {name: sa.func.coalesce(columns[name], new[name]) for name in once}
    return sa.update(node_runs).where(*here).values({"State": sa.bindparam("target"), **new, **kept})


def _state_of(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeState:
    query = sa.select(node_runs.c.State).where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    return NodeState(connection.execute(query).scalar_one())


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
    write_events(
        connection,
        [an_event(run_id, key, state, target, now=now, actor=actor, detail=detail) for key, state in moved],
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
    write_events(connection, [an_event(run_id, key, before, after, now=now, actor=actor, detail=detail)])


def write_events(connection: sa.Connection, events: Sequence[Event]) -> None:
    """Write what changed, all of it in one statement."""
    if events:
        connection.execute(_WRITE_EVENTS, events)


def an_event(
    run_id: RunID,
    key: NodeKey | None,
    before: str | None,
    after: str,
    *,
    now: datetime,
    actor: str = ORCHESTRATION,
    detail: str | None = None,
) -> Event:
    """Return a row of RunEvents."""
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
