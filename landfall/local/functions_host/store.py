"""The SQLite file behind the task hub: schema, ownership and transactions.

Everything that must survive the process is in this file; nothing in memory is ever the truth. The file is in WAL
mode with ``synchronous=NORMAL``: a commit survives the death of the process at any point, and the file stays sound
when the machine loses power. Checkpoints run beside the commits (:meth:`Store.checkpoint`).
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from landfall.local.functions_host.clock import to_text
from landfall.local.functions_host.errors import StoreInUse, StoreNotReadable
from landfall.local.functions_host.history import Event
from landfall.local.functions_host.json_text import compact

SCHEMA_VERSION = 1
_SCHEMA = """
create table instances (
    id text primary key,
    execution_id text not null,
    name text not null,
    version text not null,
    status text not null,
    input text,
    output text,
    custom_status text,
    created_at text not null,
    updated_at text not null,
    parent text,
    generation integer not null,
    history_length integer not null
);
create index instances_by_creation on instances (created_at, id);
create table history (
    instance_id text not null,
    seq integer not null,
    event text not null,
    fingerprint text,
    primary key (instance_id, seq)
) without rowid;
create table messages (
    seq integer primary key autoincrement,
    instance_id text not null,
    execution_id text,
    visible_at text not null,
    event text not null
);
create index messages_by_instance on messages (instance_id, visible_at, seq);
create index messages_by_time on messages (visible_at);
create table activities (
    seq integer primary key autoincrement,
    instance_id text not null,
    execution_id text not null,
    task_id integer not null,
    name text not null,
    input text not null,
    leased integer not null default 0,
    attempts integer not null default 0
);
create index activities_waiting on activities (seq) where leased = 0;
create index activities_by_instance on activities (instance_id);
create table entities (
    id text primary key,
    state text,
    last_operation_at text not null
);
create table entity_operations (
    seq integer primary key autoincrement,
    entity_id text not null,
    visible_at text not null,
    request text not null
);
create index entity_operations_by_entity on entity_operations (entity_id, visible_at, seq);
create index entity_operations_by_time on entity_operations (visible_at);
create table timer_schedules (
    name text primary key,
    last_at text,
    next_at text not null,
    updated_at text not null
);
"""


@dataclass(slots=True)
class Transaction:
    """An open transaction and what it will wake when it commits.

    Attributes:
        connection: Where to read and write.
        mail: Instances that got a message, each with the instant from which it can be seen.
        entity_mail: Entities that got an operation, likewise.
        new_activities: Number of activities that were queued.
    """

    connection: sqlite3.Connection
    mail: list[tuple[str, str]] = field(default_factory=list)
    entity_mail: list[tuple[str, str]] = field(default_factory=list)
    new_activities: int = 0

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, parameters)

    def post(
        self, instance_id: str, event: Event, visible_at: datetime, execution_id: str | None = None
    ) -> None:
        """Queue a message for an instance.

        Args:
            instance_id: The instance.
            event: The history row that the message becomes.
            visible_at: When the instance may see it.
            execution_id: The execution it is meant for; ``None`` means whichever runs then.
        """
        seen_from = to_text(visible_at)
        self.execute(
            "insert into messages (instance_id, execution_id, visible_at, event) values (?, ?, ?, ?)",
            (instance_id, execution_id, seen_from, compact(event)),
        )
        self.mail.append((instance_id, seen_from))

    def post_to_entity(self, entity_id: str, request: str, visible_at: datetime) -> None:
        """Queue an operation for an entity; ``request`` is the JSON of the request message."""
        seen_from = to_text(visible_at)
        self.execute(
            "insert into entity_operations (entity_id, visible_at, request) values (?, ?, ?)",
            (entity_id, seen_from, request),
        )
        self.entity_mail.append((entity_id, seen_from))

    def queue_activity(
        self, instance_id: str, execution_id: str, task_id: int, name: str, stored: str
    ) -> None:
        """Queue an activity; ``stored`` is its input as the history would hold it (an array of one)."""
        self.execute(
            "insert into activities (instance_id, execution_id, task_id, name, input) values (?, ?, ?, ?, ?)",
            (instance_id, execution_id, task_id, name, stored),
        )
        self.new_activities += 1


class Store:
    """One task hub's file, open for the one process that owns it.

    Use it from one thread. ``on_commit`` is called after each commit with what the transaction woke.
    """

    def __init__(self, folder: Path) -> None:
        """Open or create the store in ``folder``.

        Raises:
            StoreInUse: Another process owns the folder.
            StoreNotReadable: The file is of another version, or no database.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "taskhub.sqlite"
        self.on_commit: Callable[[Transaction], None] = lambda _: None
        self._owner = _claim(folder)
        try:
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._owner.close()
            raise StoreNotReadable(self.path, str(error)) from error

    def close(self) -> None:
        """Close the file and give up its ownership."""
        self._connection.close()
        self._owner.close()

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log to its place in the file; call it from any thread.

        This is the one operation that waits for the disk, so commits leave it to somebody who has the time.
        """
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("pragma wal_checkpoint(passive)")

    def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a query outside a transaction; its rows can be read by column name."""
        return self._connection.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run the body in one transaction; an exception undoes all of it."""
        transaction = Transaction(self._connection)
        self._connection.execute("begin immediate")
        try:
            yield transaction
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")
        self.on_commit(transaction)

    def _prepare(self) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute("pragma wal_autocheckpoint = 0")
        version = self._connection.execute("pragma user_version").fetchone()[0]
        if version == 0:
            self._connection.executescript(
                f"begin; {_SCHEMA} pragma user_version = {SCHEMA_VERSION}; commit;"
            )
        elif version != SCHEMA_VERSION:
            raise StoreNotReadable(self.path, f"it has layout {version}, this version reads {SCHEMA_VERSION}")


def _claim(folder: Path) -> sqlite3.Connection:
    # A lock that the operating system drops with the process, on every platform that SQLite runs on.
    owner = sqlite3.connect(folder / "owner.sqlite", isolation_level=None, timeout=0, check_same_thread=False)
    try:
        owner.execute("begin exclusive")
    except sqlite3.OperationalError as error:
        owner.close()
        raise StoreInUse(folder) from error
    return owner
