"""Purging by policy, product by product and batch by batch: rows, then objects in the control container."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.lake import Lake
from landfall.metadata.catalog import get_current_product, list_products
from landfall.metadata.engine import Database
from landfall.runs.retention import (
    purge_acts,
    purge_events,
    purge_files,
    purge_requests,
    purge_runs,
    retention_of,
    runs_with_control,
)

# Runs before files: a file goes when the last run that has taken it in is gone.
_STEPS = (purge_events, purge_runs, purge_requests, purge_files, purge_acts)


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
    products = database.read(list_products)
    return tuple(_purge_product(database, lake, entry.key, now, dry_run) for entry in products)


def _purge_product(database: Database, lake: Lake | None, key: str, now: datetime, dry_run: bool) -> Purged:
    current = database.read(lambda connection: get_current_product(connection, key))
    retention = database.read(lambda connection: retention_of(connection, current, at=now))
    rows: Counter[str] = Counter()
    run = database.read if dry_run else database.transact
    for step in _STEPS:
        more = True
        while more:
            batch = run(
                lambda connection, step=step: step(  # type: ignore[misc]
                    connection, current.product_id, retention, now=now, dry_run=dry_run
                )
            )
            rows.update(batch.rows)
            more = batch.full and not dry_run
    gone: list[str] = []
    if lake is not None:
        known = lake.list_control_runs(current.product.domain, current.product.name)
        kept = database.read(lambda connection: runs_with_control(connection, known, retention, now=now))
        gone = [run_id for run_id in known if run_id not in kept]
        if not dry_run:
            for run_id in gone:
                lake.delete_control_run(current.product.domain, current.product.name, run_id)
    return Purged(key, dict(rows), len(gone))
