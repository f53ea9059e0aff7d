"""Purging by policy, product by product and batch by batch: rows, then objects in the control container."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from landfall.lake import Lake
from landfall.metadata.catalog import get_current_product, list_products
from landfall.metadata.engine import Database
from landfall.runs.batches import Batch
from landfall.runs.retention import (
    Retention,
    purge_acts,
    purge_alarms,
    purge_audit,
    purge_backfills,
    purge_configuration,
    purge_events,
    purge_files,
    purge_letters,
    purge_requests,
    purge_runs,
    purge_sets,
    purge_versions,
    retention_of,
    runs_with_control,
)

# Runs before files: a file goes when the last run that has taken it in is gone. So with sets and versions.
_OF_PRODUCTS = (
    purge_events,
    purge_runs,
    purge_requests,
    purge_backfills,
    purge_files,
    purge_sets,
    purge_acts,
    purge_alarms,
    purge_versions,
)
# What belongs to no product.
_OF_NONE = (purge_files, purge_acts, purge_audit, purge_alarms, purge_letters, purge_configuration)

# What the rows of no product are shown under.
INSTALLATION = "(installation)"


@dataclass(frozen=True, slots=True)
class Purged:
    """What was purged of one product, or would be.

    Attributes:
        rows: Rows by table.
        control_runs: Runs whose specs and results in the control container went.
    """

    product: str
    rows: Mapping[str, int]
    control_runs: int


def purge(
    database: Database, lake: Lake | None, *, now: datetime, dry_run: bool = False
) -> tuple[Purged, ...]:
    """Delete what has had its time, and return what that was, by product; safe to break off and repeat.

    Args:
        lake: Where the control container is; ``None`` leaves it alone.
        dry_run: Delete nothing. Files that go only after their runs are not foreseen.
    """
    keys = products_to_purge(database)
    own = tuple(purge_product(database, lake, key, now=now, dry_run=dry_run) for key in keys)
    return (*own, purge_installation(database, now=now, dry_run=dry_run))


def products_to_purge(database: Database) -> tuple[str, ...]:
    """Return ``domain/name`` of every product."""
    return tuple(entry.key for entry in database.read(list_products))


def purge_installation(database: Database, *, now: datetime, dry_run: bool = False) -> Purged:
    """Delete what has had its time and belongs to no product."""
    retention = database.read(lambda connection: retention_of(connection, None, at=now))
    rows = _take_steps(database, _OF_NONE, None, retention, now=now, dry_run=dry_run)
    return Purged(INSTALLATION, rows, 0)


def purge_product(
    database: Database, lake: Lake | None, key: str, *, now: datetime, dry_run: bool = False
) -> Purged:
    """Delete what has had its time of one product."""
    current = database.read(lambda connection: get_current_product(connection, key))
    retention = database.read(lambda connection: retention_of(connection, current, at=now))
    rows = _take_steps(database, _OF_PRODUCTS, current.product_id, retention, now=now, dry_run=dry_run)
    gone: list[str] = []
    if lake is not None:
        known = lake.list_control_runs(current.product.domain, current.product.name)
        kept = database.read(lambda connection: runs_with_control(connection, known, retention, now=now))
        gone = [run_id for run_id in known if run_id not in kept]
        if not dry_run:
            for run_id in gone:
                lake.delete_control_run(current.product.domain, current.product.name, run_id)
    return Purged(key, rows, len(gone))


def _take_steps(
    database: Database,
    steps: Sequence[Callable[..., Batch]],
    product_id: int | None,
    retention: Retention,
    *,
    now: datetime,
    dry_run: bool,
) -> Mapping[str, int]:
    """Return the rows by table that were deleted; each batch is a transaction."""
    rows: Counter[str] = Counter()
    run = database.read if dry_run else database.transact
    for step in steps:
        more = True
        while more:
            batch = run(
                lambda connection, step=step: step(  # type: ignore[misc]
                    connection, product_id, retention, now=now, dry_run=dry_run
                )
            )
            rows.update(batch.rows)
            more = batch.full and not dry_run
    return dict(rows)
