"""Events on their way: which blob versions were announced, and which announcements were not taken yet."""

import json
import sqlite3
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from landfall.local.storage_events.events import BlobVersion

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS announced (
    container TEXT NOT NULL, path TEXT NOT NULL, etag TEXT NOT NULL, PRIMARY KEY (container, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, refused TEXT
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (not_before) WHERE refused IS NULL;
CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that was not taken yet.

    Attributes:
        id: Number in the outbox; greater is newer.
        event: The event as it is sent.
        attempts: How often it was sent and refused.
    """

    id: int
    event: dict[str, Any]
    attempts: int


class Outbox:
    """The events of one emulator in one SQLite file; for one thread of one process."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    @classmethod
    def open(cls, file: Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Return the outbox in ``file``, made if it does not exist; ``clock`` gives seconds since the epoch."""
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        return cls(connection, clock)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def announce(self, blob: BlobVersion, make_event: Callable[[int], dict[str, Any]]) -> bool:
        """Put an event for a blob version into the outbox unless that version was announced before.

        Args:
            blob: The version.
            make_event: Makes the event from its sequence number, which is greater than any one before.

        Returns:
            Whether the version is new.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            changed = connection.execute(
                "INSERT INTO announced VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET etag = excluded.etag"
                " WHERE etag <> excluded.etag",
                (blob.container, blob.path, blob.etag),
            ).rowcount
            if changed:
                event = make_event(self._next_in_sequence())
                connection.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps(event),))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return bool(changed)

    def announced(self, container: str) -> dict[str, str]:
        """Return the entity tag last announced of every path of a container."""
        rows = self._connection.execute("SELECT path, etag FROM announced WHERE container = ?", (container,))
        return dict(rows.fetchall())

    def due(self, limit: int, *, besides: Collection[int] = ()) -> list[Waiting]:
        """Return up to ``limit`` events whose time has come, oldest first, without those in ``besides``."""
        rows = self._connection.execute(
            "SELECT id, event, attempts FROM outbox WHERE refused IS NULL AND not_before <= ?"  # noqa: S608 marks
            f" AND id NOT IN ({_marks(besides)}) ORDER BY id LIMIT ?",
            (self._clock(), *besides, limit),
        )
        return [Waiting(number, json.loads(event), attempts) for number, event, attempts in rows]

    def next_due_in_s(self, *, besides: Collection[int] = ()) -> float | None:
        """Return the seconds until an event is due (0 if one is), or ``None`` if none waits."""
        (earliest,) = self._connection.execute(
            "SELECT MIN(not_before) FROM outbox"  # noqa: S608 only marks are put in
            f" WHERE refused IS NULL AND id NOT IN ({_marks(besides)})",
            tuple(besides),
        ).fetchone()
        return None if earliest is None else max(0.0, float(earliest) - self._clock())

    def taken(self, number: int) -> None:
        """Forget an event that was taken."""
        self._connection.execute("DELETE FROM outbox WHERE id = ?", (number,))

    def postpone(self, number: int, delay_s: float) -> None:
        """Count a failed attempt of an event and try it again after ``delay_s`` seconds."""
        self._connection.execute(
            "UPDATE outbox SET attempts = attempts + 1, not_before = ? WHERE id = ?",
            (self._clock() + delay_s, number),
        )

    def refuse(self, number: int, reason: str) -> None:
        """Keep an event that nobody will ever take, with the reason, and send it no more."""
        self._connection.execute("UPDATE outbox SET refused = ? WHERE id = ?", (reason, number))

    def refused(self) -> list[tuple[dict[str, Any], str]]:
        """Return the events that were given up, with the reasons."""
        rows = self._connection.execute(
            "SELECT event, refused FROM outbox WHERE refused IS NOT NULL ORDER BY id"
        )
        return [(json.loads(event), reason) for event, reason in rows]

    def _next_in_sequence(self) -> int:
        """Return a number above every one before, also if this file was deleted meanwhile: it follows the time."""
        now = int(self._clock() * 1_000_000)
        (number,) = self._connection.execute(
            "INSERT INTO sequence VALUES (1, ?) ON CONFLICT DO UPDATE SET last = MAX(last + 1, excluded.last)"
            " RETURNING last",
            (now,),
        ).fetchone()
        return int(number)


def _marks(values: Collection[int]) -> str:
    return ",".join("?" * len(values))
