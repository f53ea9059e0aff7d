"""Retention: which rows have had their time, and deleting them in batches, never what is in use.

In use are open runs, the run that published what a dataset holds now, the newest runs of each product, runs that a
request still names, and every file of a run that stays.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import CurrentProduct
from landfall.metadata.effective import effective_settings
from landfall.metadata.tables import (
    backfill_files,
    backfills,
    landed_files,
    metadata,
    operator_acts,
    published_data_sets,
    run_events,
    run_files,
    run_requests,
    runs,
)
from landfall.runs.requests import RequestState
from landfall.runs.states import FINAL_RUN_STATES, FileState

# Rows of one kind that one transaction decides on. A run may have thousands of nodes, a file has a handful of rows.
RUNS_IN_ONE = 20
ROWS_IN_ONE = 500

_ENDED_FILES = (FileState.DONE, FileState.REJECTED, FileState.UNMATCHED)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long everything of a product is kept, and how many of its newest runs whatever their age."""

    runs: timedelta
    events: timedelta
    files: timedelta
    control: timedelta
    acts: timedelta
    runs_kept: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step has deleted, or would delete.

    Attributes:
        rows: Rows by table.
        full: There may be more of the same kind.
    """

    rows: Mapping[str, int]
    full: bool


def retention_of(connection: sa.Connection, current: CurrentProduct, *, at: datetime) -> Retention:
    """Return how long everything of a product is kept, by the settings in effect."""
    found = effective_settings(connection, current, at=at)

    def period(key: str) -> timedelta:
        return timedelta(seconds=float(found[f"retention.{key}"].value))

    return Retention(
        runs=period("runs"),
        events=period("events"),
        files=period("files"),
        control=period("control"),
        acts=period("acts"),
        runs_kept=int(found["retention.runs_kept"].value),
    )


def purge_events(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete the changes of state of runs that ended long enough ago; how they ended stays with the run."""
    has_events = sa.exists().where(run_events.c.RunID == runs.c.RunID)
    ended = _ended_before(product_id, now - retention.events)
    ids = _ids(connection, sa.select(runs.c.RunID).where(*ended, has_events), RUNS_IN_ONE, dry_run)
    return _batch(_delete_where(connection, run_events, run_events.c.RunID, ids, dry_run), ids, RUNS_IN_ONE)


def purge_runs(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete runs that ended long enough ago and are not in use, with all that hangs on them."""
    newest = (
        sa.select(runs.c.RunID)
        .where(runs.c.DataProductID == product_id)
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
        .limit(retention.runs_kept)
    )
    published = sa.select(published_data_sets.c.RunID).where(
        published_data_sets.c.DataProductID == product_id
    )
    later = runs.alias("later")
    taken_up = sa.exists().where(later.c.RerunOf == runs.c.RunID, later.c.State.not_in(FINAL_RUN_STATES))
    query = sa.select(runs.c.RunID).where(
        *_ended_before(product_id, now - retention.runs),
        runs.c.RunID.not_in(sa.select(newest.subquery().c.RunID)),
        runs.c.RunID.not_in(published),
        runs.c.RunID.not_in(_asked_for(connection, product_id)),
        ~taken_up,
    )
    ids = _ids(connection, query.order_by(runs.c.CreatedAt), RUNS_IN_ONE, dry_run)
    rows = _delete(connection, runs, runs.c.RunID, ids, dry_run)
    # Requests only name their run: they go with it.
    requests = _ids(
        connection, sa.select(run_requests.c.RequestID).where(run_requests.c.RunID.in_(ids)), None, dry_run
    )
    rows |= _delete(connection, run_requests, run_requests.c.RequestID, requests, dry_run)
    return _batch(rows, ids, RUNS_IN_ONE)


def purge_requests(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete requests for which there was nothing to run."""
    query = sa.select(run_requests.c.RequestID).where(
        run_requests.c.DataProductID == product_id,
        run_requests.c.State == RequestState.DONE,
        run_requests.c.RunID.is_(None),
        run_requests.c.RequestedAt < now - retention.runs,
    )
    ids = _ids(connection, query, ROWS_IN_ONE, dry_run)
    return _batch(_delete(connection, run_requests, run_requests.c.RequestID, ids, dry_run), ids, ROWS_IN_ONE)


def purge_files(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete the ledger rows of files that ended long enough ago and that no run that stays has taken in."""
    ended_at = sa.func.coalesce(landed_files.c.FinishedAt, landed_files.c.LandedAt)
    # Its own name only: a join of two would have to be said twice on either database.
    open_backfill = sa.exists().where(
        backfill_files.c.LandedFileID == landed_files.c.LandedFileID,
        backfill_files.c.BackfillID == backfills.c.BackfillID,
        backfills.c.FinishedAt.is_(None),
    )
    query = sa.select(landed_files.c.LandedFileID).where(
        landed_files.c.DataProductID == product_id,
        landed_files.c.State.in_(_ENDED_FILES),
        ended_at < now - retention.files,
        ~sa.exists().where(runs.c.RunID == landed_files.c.RunID),
        ~sa.exists().where(run_files.c.LandedFileID == landed_files.c.LandedFileID),
        ~open_backfill,
    )
    ids = _ids(connection, query, ROWS_IN_ONE, dry_run)
    return _batch(
        _delete(connection, landed_files, landed_files.c.LandedFileID, ids, dry_run), ids, ROWS_IN_ONE
    )


def purge_acts(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete what operators did to a product long enough ago; acts on a file go with the file."""
    query = sa.select(operator_acts.c.OperatorActID).where(
        operator_acts.c.DataProductID == product_id,
        operator_acts.c.LandedFileID.is_(None),
        operator_acts.c.OccurredAt < now - retention.acts,
    )
    ids = _ids(connection, query, ROWS_IN_ONE, dry_run)
    return _batch(
        _delete(connection, operator_acts, operator_acts.c.OperatorActID, ids, dry_run), ids, ROWS_IN_ONE
    )


def runs_with_control(
    connection: sa.Connection, run_ids: Collection[str], retention: Retention, *, now: datetime
) -> frozenset[str]:
    """Return those of ``run_ids`` whose specs and results in the control container have to stay."""
    kept: set[str] = set()
    wanted = sorted(run_ids)
    for start in range(0, len(wanted), ROWS_IN_ONE):
        rows = connection.execute(
            sa.select(runs.c.RunID).where(
                runs.c.RunID.in_(wanted[start : start + ROWS_IN_ONE]),
                runs.c.State.not_in(FINAL_RUN_STATES) | (runs.c.FinishedAt >= now - retention.control),
            )
        )
        kept.update(rows.scalars())
    return frozenset(kept)


def _ended_before(product_id: int, instant: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        runs.c.DataProductID == product_id,
        runs.c.State.in_(FINAL_RUN_STATES),
        runs.c.FinishedAt < instant,
    )


def _asked_for(connection: sa.Connection, product_id: int) -> list[str]:
    """Return the runs that waiting requests want to execute again."""
    parameters: Iterable[Mapping[str, Any]] = connection.execute(
        sa.select(run_requests.c.Parameters).where(
            run_requests.c.DataProductID == product_id, run_requests.c.State == RequestState.PENDING
        )
    ).scalars()
    named = (value for item in parameters for value in item.values() if isinstance(value, Mapping))
    return [str(value["run_id"]) for value in named if "run_id" in value]


def _ids(connection: sa.Connection, query: sa.Select[Any], most: int | None, dry_run: bool) -> Sequence[Any]:
    """Return the keys of a batch; of everything in a dry run, which has no next batch."""
    limited = query if dry_run or most is None else query.limit(most)
    return connection.execute(limited).scalars().all()


def _delete(
    connection: sa.Connection, table: sa.Table, key: sa.Column[Any], ids: Sequence[Any], dry_run: bool
) -> dict[str, int]:
    """Delete rows by key, those of other tables that refer to them first; return the rows by table."""
    rows: dict[str, int] = {}
    for child in metadata.sorted_tables:
        for reference in child.foreign_keys:
            if reference.column is not key:
                continue
            own = list(child.primary_key.columns)
            if len(own) == 1 and own[0] is not reference.parent and _is_referred_to(child):
                query = sa.select(own[0]).where(reference.parent.in_(ids))
                below = connection.execute(query).scalars().all() if ids else ()
                for name, count in _delete(connection, child, own[0], below, dry_run).items():
                    rows[name] = rows.get(name, 0) + count
                continue
            for name, count in _delete_where(connection, child, reference.parent, ids, dry_run).items():
                rows[name] = rows.get(name, 0) + count
    for name, count in _delete_where(connection, table, key, ids, dry_run).items():
        rows[name] = rows.get(name, 0) + count
    return rows


def _is_referred_to(table: sa.Table) -> bool:
    return any(
        reference.column.table is table
        for other in metadata.sorted_tables
        for reference in other.foreign_keys
    )


def _delete_where(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Sequence[Any], dry_run: bool
) -> dict[str, int]:
    count = 0
    for start in range(0, len(ids), ROWS_IN_ONE):
        chosen = column.in_(ids[start : start + ROWS_IN_ONE])
        if dry_run:
            count += connection.execute(
                sa.select(sa.func.count()).select_from(table).where(chosen)
            ).scalar_one()
        else:
            count += connection.execute(sa.delete(table).where(chosen)).rowcount
    return {table.name: count} if count else {}


def _batch(rows: Mapping[str, int], ids: Sequence[Any], most: int) -> Batch:
    return Batch(rows, full=len(ids) >= most)
