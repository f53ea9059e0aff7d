"""Retention: which rows have had their time, and deleting them in batches, never what is in use.

In use are open runs, the run that published what a dataset holds now, the newest runs of each product, runs that a
request still names, runs that may have left rows behind which no write has taken away yet, and every file of a run
that stays.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import CurrentProduct
from landfall.metadata.effective import effective_settings
from landfall.metadata.tables import (
    alarms,
    audit_log,
    backfill_files,
    backfills,
    column_lineage,
    configuration_version,
    dead_letters,
    landed_files,
    landing_set_files,
    landing_sets,
    metadata_version_parts,
    metadata_versions,
    node_runs,
    operator_acts,
    published_data_sets,
    run_events,
    run_files,
    run_requests,
    runs,
)
from landfall.runs.batches import (
    ROWS_IN_ONE,
    RUNS_IN_ONE,
    Batch,
    as_batch,
    delete_chosen,
    delete_rows,
    delete_where,
    find_batch,
    purge_batch,
)
from landfall.runs.requests import RequestState
from landfall.runs.states import FINAL_RUN_STATES, OPEN_RUN_STATES, FileState, NodeState

# Newest versions of a product's metadata that stay whatever their age: for a rollback, and a rollback of that.
VERSIONS_KEPT = 10

_ENDED_FILES = (FileState.DONE, FileState.REJECTED, FileState.UNMATCHED)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long everything of a product is kept, and how many of its newest runs whatever their age."""

    runs: timedelta
    events: timedelta
    files: timedelta
    control: timedelta
    acts: timedelta
    versions: timedelta
    alarms: timedelta
    letters: timedelta
    runs_kept: int


def retention_of(connection: sa.Connection, current: CurrentProduct | None, *, at: datetime) -> Retention:
    """Return how long everything of a product, or of the installation itself, is kept by the settings in effect."""
    found = effective_settings(connection, current, at=at)

    def period(key: str) -> timedelta:
        return timedelta(seconds=float(found[f"retention.{key}"].value))

    return Retention(
        runs=period("runs"),
        events=period("events"),
        files=period("files"),
        control=period("control"),
        acts=period("acts"),
        versions=period("versions"),
        alarms=period("alarms"),
        letters=period("letters"),
        runs_kept=int(found["retention.runs_kept"].value),
    )


def purge_events(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete the changes of state of runs that ended long enough ago; how they ended stays with the run."""
    has_events = sa.exists().where(run_events.c.RunID == runs.c.RunID)
    ended = _ended_before(product_id, now - retention.events)
    ids = find_batch(connection, sa.select(runs.c.RunID).where(*ended, has_events), RUNS_IN_ONE, dry_run)
    return as_batch(delete_where(connection, run_events, run_events.c.RunID, ids, dry_run), ids, RUNS_IN_ONE)


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
    taken_up = sa.exists().where(later.c.RerunOf == runs.c.RunID, later.c.State.in_(OPEN_RUN_STATES))
    query = sa.select(runs.c.RunID).where(
        *_ended_before(product_id, now - retention.runs),
        runs.c.RunID.not_in(sa.select(newest.subquery().c.RunID)),
        runs.c.RunID.not_in(published),
        runs.c.RunID.not_in(_asked_for(connection, product_id)),
        ~taken_up,
        ~_may_have_left_rows(product_id) | (runs.c.FinishedAt < now - retention.files),
    )
    ids = find_batch(connection, query.order_by(runs.c.CreatedAt), RUNS_IN_ONE, dry_run)
    rows = delete_rows(connection, runs, runs.c.RunID, ids, dry_run)
    # Requests only name their run: they go with it.
    requests = find_batch(
        connection, sa.select(run_requests.c.RequestID).where(run_requests.c.RunID.in_(ids)), None, dry_run
    )
    rows |= delete_rows(connection, run_requests, run_requests.c.RequestID, requests, dry_run)
    return as_batch(rows, ids, RUNS_IN_ONE)


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
    return purge_batch(connection, run_requests, run_requests.c.RequestID, query, dry_run)


def purge_files(
    connection: sa.Connection,
    product_id: int | None,
    retention: Retention,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Batch:
    """Delete the ledger rows of files that ended long enough ago and that no run that stays has taken in.

    Those of no product are files that no dataset expected.
    """
    ended_at = sa.func.coalesce(landed_files.c.FinishedAt, landed_files.c.LandedAt)
    # Its own name only: a join of two would have to be said twice on either database.
    open_backfill = sa.exists().where(
        backfill_files.c.LandedFileID == landed_files.c.LandedFileID,
        backfill_files.c.BackfillID == backfills.c.BackfillID,
        backfills.c.FinishedAt.is_(None),
    )
    query = sa.select(landed_files.c.LandedFileID).where(
        _of(landed_files, product_id),
        landed_files.c.State.in_(_ENDED_FILES),
        ended_at < now - retention.files,
        ~sa.exists().where(runs.c.RunID == landed_files.c.RunID),
        ~sa.exists().where(run_files.c.LandedFileID == landed_files.c.LandedFileID),
        ~open_backfill,
    )
    return purge_batch(connection, landed_files, landed_files.c.LandedFileID, query, dry_run)


def purge_acts(
    connection: sa.Connection,
    product_id: int | None,
    retention: Retention,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Batch:
    """Delete what operators did to a product long enough ago; acts on a file go with the file."""
    query = sa.select(operator_acts.c.OperatorActID).where(
        _of(operator_acts, product_id),
        operator_acts.c.LandedFileID.is_(None),
        operator_acts.c.OccurredAt < now - retention.acts,
    )
    return purge_batch(connection, operator_acts, operator_acts.c.OperatorActID, query, dry_run)


def purge_sets(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete sets of landed files that were complete long enough ago and whose files have gone before."""
    query = sa.select(landing_sets.c.LandingSetID).where(
        landing_sets.c.DataProductID == product_id,
        landing_sets.c.CompletedAt < now - retention.files,
        ~sa.exists().where(landing_set_files.c.LandingSetID == landing_sets.c.LandingSetID),
    )
    return purge_batch(connection, landing_sets, landing_sets.c.LandingSetID, query, dry_run)


def purge_backfills(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete backfills that ended long enough ago, with their chunks."""
    query = (
        sa.select(backfills.c.BackfillID)
        .where(backfills.c.DataProductID == product_id, backfills.c.FinishedAt < now - retention.runs)
        .order_by(backfills.c.FinishedAt)
    )
    # One may name as many files as the product has.
    ids = find_batch(connection, query, 1, dry_run)
    return as_batch(delete_rows(connection, backfills, backfills.c.BackfillID, ids, dry_run), ids, 1)


def purge_alarms(
    connection: sa.Connection,
    product_id: int | None,
    retention: Retention,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Batch:
    """Delete alarms whose cause went long enough ago; one that lasts stays."""
    query = sa.select(alarms.c.AlarmID).where(
        _of(alarms, product_id), alarms.c.ClearedAt < now - retention.alarms
    )
    return purge_batch(connection, alarms, alarms.c.AlarmID, query, dry_run)


def purge_versions(
    connection: sa.Connection, product_id: int, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete applied versions of long ago with their column lineage; the newest and those pinned by a run stay."""
    newest = (
        sa.select(metadata_versions.c.MetadataVersionID)
        .where(metadata_versions.c.DataProductID == product_id)
        .order_by(metadata_versions.c.VersionNumber.desc())
        .limit(VERSIONS_KEPT)
        .subquery()
    )
    pinned = sa.select(runs.c.MetadataVersion).where(runs.c.DataProductID == product_id)
    query = (
        sa.select(metadata_versions.c.VersionNumber)
        .where(
            metadata_versions.c.DataProductID == product_id,
            metadata_versions.c.AppliedAt < now - retention.versions,
            metadata_versions.c.MetadataVersionID.not_in(sa.select(newest.c.MetadataVersionID)),
            metadata_versions.c.VersionNumber.not_in(pinned),
        )
        .order_by(metadata_versions.c.VersionNumber)
    )
    numbers = find_batch(connection, query, RUNS_IN_ONE, dry_run)
    ids = sa.select(metadata_versions.c.MetadataVersionID).where(
        metadata_versions.c.DataProductID == product_id, metadata_versions.c.VersionNumber.in_(numbers)
    )
    parts = metadata_version_parts
    rows = delete_chosen(connection, parts, parts.c.MetadataVersionID.in_(ids), dry_run)
    for table, number in (
        (column_lineage, column_lineage.c.MetadataVersion),
        (metadata_versions, metadata_versions.c.VersionNumber),
    ):
        chosen = sa.and_(table.c.DataProductID == product_id, number.in_(numbers))
        rows |= delete_chosen(connection, table, chosen, dry_run)
    return as_batch(rows, numbers, RUNS_IN_ONE)


def purge_letters(
    connection: sa.Connection, _: None, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete dead letters that ended, or came last, long enough ago."""
    last = sa.func.coalesce(dead_letters.c.EndedAt, dead_letters.c.LastSeenAt)
    query = sa.select(dead_letters.c.DeadLetterID).where(last < now - retention.letters)
    return purge_batch(connection, dead_letters, dead_letters.c.DeadLetterID, query, dry_run)


def purge_audit(
    connection: sa.Connection, _: None, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete the audit log's rows of long ago."""
    query = sa.select(audit_log.c.AuditID).where(audit_log.c.OccurredAt < now - retention.acts)
    return purge_batch(connection, audit_log, audit_log.c.AuditID, query, dry_run)


def purge_configuration(
    connection: sa.Connection, _: None, retention: Retention, *, now: datetime, dry_run: bool = False
) -> Batch:
    """Delete values of settings that were replaced long enough ago; what is in effect and what is planned stays."""
    versions = configuration_version
    query = sa.select(versions.c.VersionID).where(versions.c.ExpirationDate < now - retention.versions)
    return purge_batch(connection, versions, versions.c.VersionID, query, dry_run)


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
                runs.c.State.in_(OPEN_RUN_STATES) | (runs.c.FinishedAt >= now - retention.control),
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


def _of(table: sa.Table, product_id: int | None) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of a product, or of none."""
    column = table.c.DataProductID
    return column.is_(None) if product_id is None else column == product_id


def _may_have_left_rows(product_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a node of a run did not succeed and was never built again since.

    Its job may have written rows; the next write of the table takes them away, and knows them by the run.
    """
    given_up, built, later = node_runs.alias("given_up"), node_runs.alias("built"), runs.alias("built_in")
    built_since = (
        sa.exists()
        .select_from(built.join(later, later.c.RunID == built.c.RunID))
        .where(
            later.c.DataProductID == product_id,
            later.c.CreatedAt > runs.c.CreatedAt,
            built.c.NodeKey == given_up.c.NodeKey,
            built.c.State == NodeState.SUCCEEDED,
        )
    )
    return (
        sa.exists()
        .select_from(given_up)
        .where(
            given_up.c.RunID == runs.c.RunID,
            given_up.c.StartedAt.is_not(None),
            given_up.c.State.in_([NodeState.FAILED, NodeState.CANCELLED]),
            ~built_since,
        )
        .correlate(runs)
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
