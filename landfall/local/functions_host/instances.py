"""Instances as the store keeps them, and the operations that create, read and remove them."""

import base64
import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from landfall.local.functions_host.clock import from_text, to_text
from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.history import Event, execution_started
from landfall.local.functions_host.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Instance:
    """One orchestration instance.

    Attributes:
        instance_id: Chosen by whoever started it.
        execution_id: New for each generation.
        name: The orchestrator.
        version: Version that it was started with, possibly empty.
        status: Runtime status.
        input: Raw JSON text.
        output: JSON text of a result, plain text of a failure or termination.
        custom_status: JSON text.
        created_at: When it was started.
        updated_at: When its last episode ended.
        parent: ``ParentInstance`` of its first row, ``None`` for a top-level instance.
        generation: How often it has continued as new.
        history_length: Number of history rows of this generation.
    """

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: Status
    input: str | None
    output: str | None
    custom_status: str | None
    created_at: datetime
    updated_at: datetime
    parent: Event | None
    generation: int
    history_length: int

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Return the instance that a row of the table holds."""
        return cls(
            instance_id=row["id"],
            execution_id=row["execution_id"],
            name=row["name"],
            version=row["version"],
            status=Status(row["status"]),
            input=row["input"],
            output=row["output"],
            custom_status=row["custom_status"],
            created_at=from_text(row["created_at"]),
            updated_at=from_text(row["updated_at"]),
            parent=json.loads(row["parent"]) if row["parent"] else None,
            generation=row["generation"],
            history_length=row["history_length"],
        )


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A wish to start an instance; ``raw_input`` is JSON text."""

    name: str
    instance_id: str
    raw_input: str | None
    version: str = ""
    parent: Event | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which instances to list or purge; ``None`` does not narrow."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    statuses: frozenset[Status] | None = None
    id_prefix: str = ""

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return a condition and its parameters; entities and instances do not share this table."""
        conditions, parameters = ["1 = 1"], list[Any]()
        if self.created_from is not None:
            conditions.append("created_at >= ?")
            parameters.append(to_text(self.created_from))
        if self.created_to is not None:
            conditions.append("created_at <= ?")
            parameters.append(to_text(self.created_to))
        if self.statuses is not None:
            conditions.append(f"status in ({', '.join('?' * len(self.statuses))})")
            parameters.extend(sorted(self.statuses))
        if self.id_prefix:
            conditions.append("substr(id, 1, ?) = ?")
            parameters.extend((len(self.id_prefix), self.id_prefix))
        return " and ".join(conditions), parameters


def new_id() -> str:
    """Return 32 random hex digits."""
    return uuid.uuid4().hex


def find(store: Store, instance_id: str) -> Instance | None:
    """Return an instance, ``None`` if there is none of that id."""
    row = store.read("select * from instances where id = ?", (instance_id,)).fetchone()
    return None if row is None else Instance.from_row(row)


def page(store: Store, wanted: Filter, size: int, after: str | None) -> tuple[list[Instance], str | None]:
    """Return up to ``size`` instances by creation, and the token of the next page if there is one.

    Raises:
        ValueError: ``after`` is not a token that this function gave out.
    """
    condition, parameters = wanted.to_sql()
    if after:
        created_at, instance_id = json.loads(base64.urlsafe_b64decode(after))
        condition += " and (created_at, id) > (?, ?)"
        parameters += [created_at, instance_id]
    sql = f"select * from instances where {condition} order by created_at, id limit ?"  # noqa: S608 - own text
    rows = store.read(sql, (*parameters, size + 1)).fetchall()
    instances = [Instance.from_row(row) for row in rows[:size]]
    if len(rows) <= size:
        return instances, None
    last = [rows[size - 1]["created_at"], rows[size - 1]["id"]]
    return instances, base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def create(transaction: Transaction, request: StartRequest, at: datetime) -> None:
    """Create an instance in place of any older one of its id, and queue its first message."""
    remove(transaction, [request.instance_id])
    execution_id = new_id()
    transaction.execute(
        "insert into instances (id, execution_id, name, version, status, input, created_at, updated_at, parent, "
        "generation, history_length) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
        (
            request.instance_id,
            execution_id,
            request.name,
            request.version,
            Status.PENDING,
            request.raw_input,
            to_text(at),
            to_text(at),
            json.dumps(request.parent) if request.parent else None,
        ),
    )
    started = execution_started(
        at,
        name=request.name,
        instance_id=request.instance_id,
        execution_id=execution_id,
        raw_input=request.raw_input,
        version=request.version,
        parent=request.parent,
    )
    transaction.post(request.instance_id, started, at, execution_id)


def remove(transaction: Transaction, instance_ids: Iterable[str]) -> None:
    """Delete instances with all that belongs to them; activities that run already go on, unheard."""
    for instance_id in instance_ids:
        transaction.execute("delete from instances where id = ?", (instance_id,))
        transaction.execute("delete from history where instance_id = ?", (instance_id,))
        transaction.execute("delete from messages where instance_id = ?", (instance_id,))
        transaction.execute("delete from activities where instance_id = ?", (instance_id,))
