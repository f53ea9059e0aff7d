"""Taking in an event of a landed file: ledger row and lease in one transaction."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.landing.events import BlobEvent
from landfall.landing.ledger import record_file
from landfall.landing.matching import match_dataset, product_of
from landfall.metadata.catalog import find_current_product
from landfall.runs.leases import LeaseState, lock_lease, set_lease
from landfall.runs.states import FileState
from landfall.spec.model import Product


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of an event.

    Attributes:
        new: Whether this blob version was seen for the first time.
        start: The product whose coordinator has to be started; ``None`` if none has to.
    """

    new: bool
    start: Product | None


def take_in(connection: sa.Connection, event: BlobEvent, *, now: datetime) -> Intake:
    """Record a finished write in the landing container, and take the product's lease if it is idle.

    Nothing is dropped: what no dataset expects is kept as unmatched, an empty file as rejected.
    """
    placed = product_of(event.path)
    current = find_current_product(connection, placed[0]) if placed else None
    if placed is None or current is None:
        reason = f"no product {placed[0]!r} has been applied" if placed else "it lies in no product's folder"
        new = record_file(
            connection,
            event,
            product_id=None,
            dataset=None,
            state=FileState.UNMATCHED,
            reason=f"{reason}; files land below DOMAIN/PRODUCT/",
            now=now,
        )
        return Intake(new, start=None)

    dataset = match_dataset(current.product, placed[1])
    if dataset is None:
        patterns = ", ".join(item.landing for item in current.product.datasets if item.landing is not None)
        new = record_file(
            connection,
            event,
            product_id=current.product_id,
            dataset=None,
            state=FileState.UNMATCHED,
            reason=f"no dataset of {current.product.key} expects it; it expects {patterns or 'no files'}",
            now=now,
        )
        return Intake(new, start=None)

    empty = event.size_bytes == 0
    lease = lock_lease(connection, current.product_id, now)
    new = record_file(
        connection,
        event,
        product_id=current.product_id,
        dataset=dataset.name,
        state=FileState.REJECTED if empty else FileState.PENDING,
        reason="the file is empty (0 bytes)" if empty else None,
        now=now,
    )
    wanted = current.product.run.on_landing and not empty
    if wanted and lease.wants_coordinator:
        set_lease(connection, current.product_id, LeaseState.ACTIVE, now)
        return Intake(new, start=current.product)
    return Intake(new, start=None)
