"""The server's memory: jobs, runs and idempotency tokens in one SQLite file that survives restarts."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from landfall.local.jobs_server.errors import invalid
from landfall.local.jobs_server.runs import Json, Run

FIRST_ID = (
    100_000_000_000_001  # 15 digits, as on the platform: a client that keeps ids in 32 bits fails here too
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id INTEGER PRIMARY KEY, name TEXT NOT NULL, settings TEXT NOT NULL, created_at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS runs (
    run_id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, run_type TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL, active INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_active ON runs (active) WHERE active;
CREATE INDEX IF NOT EXISTS runs_of_job ON runs (job_id, run_id);
CREATE TABLE IF NOT EXISTS tasks (task_run_id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS last_id (only INTEGER PRIMARY KEY CHECK (only = 0), value INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class SavedJob:
    """A job as it was created or last reset."""

    job_id: int
    settings: Json
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What runs/list asks for; ``None`` leaves a condition out."""

    active: bool | None = None
    job_id: int | None = None
    run_type: str | None = None
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    before_run_id: int | None = None


class Store:
    """Jobs, runs and tokens. Used by the server's event loop alone; every call is one short transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # NORMAL: a commit survives the death of the process; only a power cut may lose the last ones.
        self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        self._connection.execute("INSERT OR IGNORE INTO last_id VALUES (0, ?)", (FIRST_ID - 1,))

    def close(self) -> None:
        self._connection.close()

    # Jobs

    def create_job(self, settings: Json, created_at_ms: int) -> int:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            job_id = self._next_id()
            self._connection.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?)",
                (job_id, settings["name"], json.dumps(settings), created_at_ms),
            )
        return job_id

    def save_settings(self, job_id: int, settings: Json) -> None:
        self._connection.execute(
            "UPDATE jobs SET name = ?, settings = ? WHERE job_id = ?",
            (settings["name"], json.dumps(settings), job_id),
        )

    def get_job(self, job_id: int) -> SavedJob:
        """Return a job.

        Raises:
            ApiError: There is none with this id.
        """
        row = self._connection.execute(
            "SELECT job_id, settings, created_at_ms FROM jobs WHERE job_id = ?", (job_id,)
        ).fetchone()
        if row is None:
            raise invalid(f"Job {job_id} does not exist.")
        return _saved_job(row)

    def jobs(self, *, name: str | None, before_job_id: int | None, limit: int) -> list[SavedJob]:
        """Return at most ``limit`` jobs, newest first; ``name`` matches whole names, whatever their case."""
        rows = self._connection.execute(
            "SELECT job_id, settings, created_at_ms FROM jobs"
            " WHERE (?1 IS NULL OR lower(name) = lower(?1)) AND (?2 IS NULL OR job_id < ?2)"
            " ORDER BY job_id DESC LIMIT ?3",
            (name, before_job_id, limit),
        )
        return [_saved_job(row) for row in rows]

    def delete_job(self, job_id: int) -> None:
        self._connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    # Runs

    def add_run(self, build: Callable[[Callable[[], int]], Run], token: str | None) -> tuple[Run, bool]:
        """Return the run of ``token``, or the one that ``build`` makes, and whether it is new.

        The run, its tasks and its token are written in one transaction: a token is never seen without its run.

        Args:
            build: Makes the run; it is given the source of new ids.
            token: Idempotency token, ``None`` for a request that may be run twice.

        Raises:
            ApiError: The token's run was deleted.
        """
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            if token is not None:
                row = self._connection.execute(
                    "SELECT run_id FROM tokens WHERE token = ?", (token,)
                ).fetchone()
                if row is not None:
                    return self._run_of_token(row[0]), False
            run = build(self._next_id)
            self._connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                (
                    run.run_id,
                    run.job_id,
                    run.run_type,
                    run.created_at_ms,
                    run.active,
                    json.dumps(run.to_json()),
                ),
            )
            self._connection.executemany(
                "INSERT INTO tasks VALUES (?, ?)", [(task.run_id, run.run_id) for task in run.tasks]
            )
            if token is not None:
                self._connection.execute("INSERT INTO tokens VALUES (?, ?)", (token, run.run_id))
        return run, True

    def save_run(self, run: Run) -> None:
        self._connection.execute(
            "UPDATE runs SET active = ?, body = ? WHERE run_id = ?",
            (run.active, json.dumps(run.to_json()), run.run_id),
        )

    def get_run(self, run_id: int) -> Run:
        """Return the run with this id, or the run that has a task with this id.

        Raises:
            ApiError: There is none.
        """
        row = self._connection.execute(
            "SELECT body FROM runs WHERE run_id = coalesce((SELECT run_id FROM tasks WHERE task_run_id = ?1), ?1)",
            (run_id,),
        ).fetchone()
        if row is None:
            raise invalid(f"Run {run_id} does not exist.")
        return Run.from_json(json.loads(row[0]))

    def runs(self, which: RunFilter, limit: int) -> list[Run]:
        """Return at most ``limit`` runs, newest first."""
        rows = self._connection.execute(
            "SELECT body FROM runs WHERE (?1 IS NULL OR active = ?1) AND (?2 IS NULL OR job_id = ?2)"
            " AND (?3 IS NULL OR run_type = ?3) AND (?4 IS NULL OR created_at_ms >= ?4)"
            " AND (?5 IS NULL OR created_at_ms <= ?5) AND (?6 IS NULL OR run_id < ?6)"
            " ORDER BY run_id DESC LIMIT ?7",
            (
                which.active,
                which.job_id,
                which.run_type,
                which.created_from_ms,
                which.created_to_ms,
                which.before_run_id,
                limit,
            ),
        )
        return [Run.from_json(json.loads(body)) for (body,) in rows]

    def active_runs(self) -> list[Run]:
        """Return every run that has not ended, oldest first."""
        rows = self._connection.execute("SELECT body FROM runs WHERE active ORDER BY run_id")
        return [Run.from_json(json.loads(body)) for (body,) in rows]

    def delete_run(self, run_id: int) -> None:
        """Forget a run; its token stays reserved, as on the platform."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
            self._connection.execute("DELETE FROM tasks WHERE run_id = ?", (run_id,))

    def _next_id(self) -> int:
        row = self._connection.execute("UPDATE last_id SET value = value + 1 RETURNING value").fetchone()
        return int(row[0])

    def _run_of_token(self, run_id: int) -> Run:
        row = self._connection.execute("SELECT body FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise invalid(f"The idempotency_token belongs to run {run_id}, which was deleted.")
        return Run.from_json(json.loads(row[0]))


def _saved_job(row: tuple[int, str, int]) -> SavedJob:
    return SavedJob(job_id=row[0], settings=json.loads(row[1]), created_at_ms=row[2])
