"""Taking in an event of a landed file: ledger row, set and lease in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.landing.copies import why_refused
from landfall.landing.events import BlobEvent, DeletedBlob
from landfall.landing.ledger import Fate, RecordedFile, record_file, reject_gone
from landfall.landing.matching import Match, landed_table, match_file, product_of
from landfall.landing.names import passed_over
from landfall.landing.sets import Closing, add_to_set, close_set, closings_of, must_wait
from landfall.metadata.catalog import CurrentProduct, find_current_product
from landfall.runs.leases import Lease, LeaseState, lock_lease, set_lease
from landfall.runs.states import FileState
from landfall.spec.landing_patterns import table_of
from landfall.spec.model import Product


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of an event.

    Attributes:
        new: Whether this blob version was seen for the first time.
        state: Of its row in the ledger, where it is new.
        product: ``domain/product`` whose folder it lies in, where one was applied.
        start: The product whose coordinator has to be started; ``None`` if none has to.
        reads_content: The file is a manifest: nothing was written, call again with the names that it lists.
        passed_over: Why the file is none that a dataset could expect.
    """

    new: bool
    state: FileState | None = None
    product: str | None = None
    start: Product | None = None
    reads_content: bool = False
    passed_over: str | None = None


def take_in(
    connection: sa.Connection, event: BlobEvent, *, now: datetime, names: Sequence[str] | None = None
) -> Intake:
    """Record a finished write in the landing container, and take the product's lease if it is idle.

    Nothing is dropped: what no dataset expects is kept as unmatched, an empty file as rejected. Only names that
    writers give to what lies beside their files are passed over.

    Args:
        names: What the file lists, if it was asked for as a manifest.
    """
    placed = product_of(event.path)
    if event.path.endswith("/") or (placed is None and passed_over(event.path)):
        return Intake(new=False, passed_over=passed_over(event.path))
    current = find_current_product(connection, placed[0]) if placed else None
    if placed is None or current is None:
        reason = passed_over(placed[1]) if placed else None
        if reason is not None:
            return Intake(new=False, passed_over=reason)
        why = f"no product {placed[0]!r} has been applied" if placed else "it lies in no product's folder"
        fate = Fate(FileState.UNMATCHED, f"{why}; files land below DOMAIN/PRODUCT/")
        return _taken(record_file(connection, event, fate, now=now))

    closings = closings_of(current.product, placed[1])
    if closings:
        if names is None and any(closing.lists for closing in closings):
            return Intake(new=False, reads_content=True)
        return _take_in_closing(connection, event, current, closings, names, now)
    found = match_file(current.product, placed[1])
    reason = _why_passed_over(current.product, placed[1], found)
    if reason is not None:
        return Intake(new=False, passed_over=reason)
    if found is None:
        patterns = ", ".join(item.landing for item in current.product.datasets if item.landing is not None)
        fate = Fate(
            FileState.UNMATCHED,
            f"no dataset of {current.product.key} expects it; it expects {patterns or 'no files'}",
            current.product_id,
        )
        return _taken(record_file(connection, event, fate, now=now), current)
    return _take_in_file(connection, event, current, found, now)


def _why_passed_over(product: Product, path: str, found: Match | None) -> str | None:
    """Return why a file is none that a dataset could expect; of a Delta table only the commits are."""
    if found is not None and table_of(found.dataset.landing or "") is not None:
        return None
    table = landed_table(product, path) if found is None else None
    if table is not None:
        return f"it is a part of the Delta table of {table}, whose commits say what it is good for"
    return passed_over(path)


def take_out(connection: sa.Connection, event: DeletedBlob, *, now: datetime) -> bool:
    """Reject the versions of a deleted or renamed file that no run has claimed, and return whether there were any.

    A claimed one stays with its run, whose node fails if it cannot read it.
    """
    placed = product_of(event.path)
    current = find_current_product(connection, placed[0]) if placed else None
    if current is None:
        return False
    lock_lease(connection, current.product_id, now)
    return reject_gone(connection, event.url, event.sequencer, now=now)


def _take_in_file(
    connection: sa.Connection, event: BlobEvent, current: CurrentProduct, found: Match, now: datetime
) -> Intake:
    product_id, dataset = current.product_id, found.dataset
    lease = lock_lease(connection, product_id, now)
    state, reason = FileState.PENDING, None
    if event.size_bytes == 0:
        state, reason = FileState.REJECTED, "the file is empty (0 bytes)"
    elif (refused := why_refused(connection, product_id, dataset, event.url, event.etag)) is not None:
        state, reason = FileState.REJECTED, refused
    elif must_wait(connection, product_id, dataset, found.captured, event.occurred_at):
        state = FileState.WAITING
    fate = Fate(state, reason, product_id, dataset.name, found.captured)
    recorded = record_file(connection, event, fate, now=now)
    if recorded is None:
        # Whatever a first event whose answer was lost left to start, the timer starts.
        return _taken(None, current)
    runs = recorded.state is FileState.PENDING
    if recorded.state is FileState.WAITING:
        runs = add_to_set(connection, product_id, dataset, found.captured, recorded.file_id, now=now)
    return _taken(recorded, current, _take_lease(connection, current, lease, now) if runs else None)


def _take_in_closing(
    connection: sa.Connection,
    event: BlobEvent,
    current: CurrentProduct,
    closings: Sequence[Closing],
    names: Sequence[str] | None,
    now: datetime,
) -> Intake:
    """Take in a marker or manifest: its row is done at once, since no run reads it."""
    lease = lock_lease(connection, current.product_id, now)
    kind = "manifest" if any(closing.lists for closing in closings) else "marker"
    sets = ", ".join(
        f"{item.dataset.name}[{item.key}]" if item.key else item.dataset.name for item in closings
    )
    fate = Fate(FileState.DONE, f"{kind} of {sets}", current.product_id, closings[0].dataset.name)
    recorded = record_file(connection, event, fate, now=now)
    if recorded is None:
        return _taken(None, current)
    runs = [
        close_set(
            connection,
            current.product_id,
            closing,
            written_at=event.occurred_at,
            names=names if closing.lists else None,
            now=now,
        )
        for closing in closings
    ]
    return _taken(recorded, current, _take_lease(connection, current, lease, now) if any(runs) else None)


def _taken(
    recorded: RecordedFile | None, current: CurrentProduct | None = None, start: Product | None = None
) -> Intake:
    return Intake(
        new=recorded is not None,
        state=recorded.state if recorded is not None else None,
        product=current.product.key if current is not None else None,
        start=start,
    )


def _take_lease(
    connection: sa.Connection, current: CurrentProduct, lease: Lease, now: datetime
) -> Product | None:
    """Return the product if landed files start its runs and its lease was idle, which is taken then."""
    if not current.product.run.on_landing or not lease.wants_coordinator:
        return None
    set_lease(connection, current.product_id, LeaseState.ACTIVE, now)
    return current.product
