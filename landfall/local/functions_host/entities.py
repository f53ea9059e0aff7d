"""Durable entities: a queue of operations per entity, run in batches by the SDK's entity handle."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.local.functions_host.clock import Clock, from_text, to_text
from landfall.local.functions_host.history import event_raised
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.sdk import Handle
from landfall.local.functions_host.store import Store


@dataclass(frozen=True, slots=True)
class Entity:
    """A stored entity; ``state`` is JSON text."""

    entity_id: str
    state: str | None
    last_operation_at: datetime


@dataclass(frozen=True, slots=True)
class EntityTicket:
    """A batch that has been taken and not committed.

    Attributes:
        entity_id: ``@name@key``.
        name: Name of the entity function, lower case.
        key: Which of its entities.
        exists: Whether it has state.
        state: Its state as JSON text.
        requests: The operations, as request messages, oldest first.
        seqs: Their places in the queue.
    """

    entity_id: str
    name: str
    key: str
    exists: bool
    state: str | None
    requests: tuple[dict[str, Any], ...]
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch left behind: the state and one reply per operation (JSON text, and whether it is an error)."""

    exists: bool
    state: str | None
    replies: tuple[tuple[str, bool], ...]


class Entities:
    """The entity side of a task hub. One batch per entity may be open at a time."""

    def __init__(self, store: Store, clock: Clock, max_batch: int) -> None:
        self._store = store
        self._clock = clock
        self._max_batch = max_batch

    def waiting(self) -> list[str]:
        """Return the entities that have operations to run now."""
        rows = self._store.read(
            "select distinct entity_id from entity_operations where visible_at <= ?",
            (to_text(self._clock.now()),),
        )
        return [row["entity_id"] for row in rows]

    def next_visible_at(self) -> datetime | None:
        """Return when the next operation that is scheduled for later is due."""
        row = self._store.read(
            "select min(visible_at) as at from entity_operations where visible_at > ?",
            (to_text(self._clock.now()),),
        ).fetchone()
        return None if row["at"] is None else from_text(row["at"])

    def signal(self, entity_id: str, operation: str, raw_input: str | None) -> None:
        """Queue an operation that nobody waits for."""
        request: dict[str, Any] = {"op": operation, "signal": True, "id": str(uuid.uuid4())}
        if raw_input is not None:
            request["input"] = raw_input
        with self._store.transaction() as transaction:
            transaction.post_to_entity(entity_id, json.dumps(request), self._clock.now())

    def find(self, entity_id: str) -> Entity | None:
        """Return an entity, ``None`` if it has no state."""
        row = self._store.read("select * from entities where id = ?", (entity_id,)).fetchone()
        return None if row is None else Entity(row["id"], row["state"], from_text(row["last_operation_at"]))

    def page(
        self, name: str | None, since: datetime | None, until: datetime | None, size: int, after: str
    ) -> list[Entity]:
        """Return up to ``size`` entities whose id comes after ``after``, by id."""
        sql = "select * from entities where id > ?"
        parameters: list[Any] = [after]
        if name is not None:
            prefix = f"@{name.lower()}@"
            sql += " and substr(id, 1, ?) = ?"
            parameters += [len(prefix), prefix]
        if since is not None:
            sql += " and last_operation_at >= ?"
            parameters.append(to_text(since))
        if until is not None:
            sql += " and last_operation_at <= ?"
            parameters.append(to_text(until))
        rows = self._store.read(f"{sql} order by id limit ?", (*parameters, size))
        return [Entity(row["id"], row["state"], from_text(row["last_operation_at"])) for row in rows]

    def take(self, entity_id: str) -> EntityTicket | None:
        """Take the operations that are due, oldest first; ``None`` if there are none."""
        rows = self._store.read(
            "select seq, request from entity_operations where entity_id = ? and visible_at <= ? "
            "order by visible_at, seq limit ?",
            (entity_id, to_text(self._clock.now()), self._max_batch),
        ).fetchall()
        if not rows:
            return None
        entity = self.find(entity_id)
        _, name, key = entity_id.split("@", 2)
        return EntityTicket(
            entity_id=entity_id,
            name=name,
            key=key,
            exists=entity is not None,
            state=entity.state if entity is not None else None,
            requests=tuple(json.loads(row["request"]) for row in rows),
            seqs=tuple(row["seq"] for row in rows),
        )

    def commit(self, ticket: EntityTicket, result: BatchResult) -> None:
        """Write state and replies and forget the operations, in one transaction."""
        now = self._clock.now()
        with self._store.transaction() as transaction:
            transaction.connection.executemany(
                "delete from entity_operations where seq = ?", [(seq,) for seq in ticket.seqs]
            )
            if result.exists:
                transaction.execute(
                    "insert or replace into entities (id, state, last_operation_at) values (?, ?, ?)",
                    (ticket.entity_id, result.state, to_text(now)),
                )
            else:
                transaction.execute("delete from entities where id = ?", (ticket.entity_id,))
            for request, (text, is_error) in zip(ticket.requests, result.replies, strict=True):
                if request.get("signal"):
                    continue
                reply = {"result": text, "exceptionType": "Error"} if is_error else {"result": text}
                transaction.post(
                    request["parent"],
                    event_raised(now, request["id"], compact(reply)),
                    now,
                    request["parentExecution"],
                )
            # More than one batch may have been waiting.
            transaction.entity_mail.append((ticket.entity_id, to_text(now)))


def run_batch(ticket: EntityTicket, handle: Handle | None) -> BatchResult:
    """Run a batch of operations on an entity; operations of an unknown entity all fail."""
    operations = [_operation(request) for request in ticket.requests]
    if handle is None:
        message = compact(
            f"The function '{ticket.name}' doesn't exist, is disabled, or is not an entity function."
        )
        return BatchResult(ticket.exists, ticket.state, tuple((message, True) for _ in operations))
    context = {
        "self": {"name": ticket.name, "key": ticket.key},
        "exists": ticket.exists,
        "state": ticket.state,
        "batch": operations,
    }
    answer = json.loads(handle(json.dumps(context)))
    return BatchResult(
        exists=bool(answer["entityExists"]),
        state=answer["entityState"],
        replies=tuple((reply["result"], bool(reply["isError"])) for reply in answer["results"]),
    )


def _operation(request: dict[str, Any]) -> dict[str, Any]:
    # The SDK decodes the input twice, so a request without one carries the text of a JSON null.
    return {
        "name": request["op"],
        "input": request.get("input"),
        "isSignal": bool(request.get("signal")),
    }
