"""Pausing a product: it opens no new run until it is resumed; files and requests wait, an open run goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.acts import Act, record_product_act
from landfall.metadata.catalog import get_current_product
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, landed_files, product_leases, run_requests
from landfall.runs.leases import LeaseState, Pause, lock_lease, set_lease
from landfall.runs.requests import RequestState
from landfall.runs.states import FileState
from landfall.spec.model import Product


@dataclass(frozen=True, slots=True)
class Resumed:
    """What resuming did.

    Attributes:
        pause: The pause that ended; ``None`` if the product was not paused.
        start: The product if its coordinator has to be started.
    """

    pause: Pause | None
    start: Product | None = None


def pause_product(
    connection: sa.Connection, key: str, *, actor: str, reason: str | None, now: datetime
) -> Pause:
    """Pause the product ``domain/name`` and return the pause; one that is paused keeps its first pause.

    Raises:
        UnknownProduct: It was never applied.
    """
    product_id = get_current_product(connection, key).product_id
    lease = lock_lease(connection, product_id, now)
    if lease.pause is not None:
        return lease.pause
    connection.execute(
        sa.update(product_leases)
        .where(product_leases.c.DataProductID == product_id)
        .values(PausedAt=now, PausedBy=actor, PauseReason=reason)
    )
    record_product_act(connection, Act.PAUSE, product_id, actor=actor, now=now, detail=reason)
    return Pause(now, actor, reason)


def resume_product(connection: sa.Connection, key: str, *, actor: str, now: datetime) -> Resumed:
    """End the pause of the product ``domain/name``, and take its lease if something waits.

    Raises:
        UnknownProduct: It was never applied.
    """
    current = get_current_product(connection, key)
    lease = lock_lease(connection, current.product_id, now)
    if lease.pause is None:
        return Resumed(None)
    connection.execute(
        sa.update(product_leases)
        .where(product_leases.c.DataProductID == current.product_id)
        .values(PausedAt=None, PausedBy=None, PauseReason=None)
    )
    record_product_act(
        connection,
        Act.RESUME,
        current.product_id,
        actor=actor,
        now=now,
        detail=f"paused since {lease.pause.since:%Y-%m-%d %H:%M:%S} UTC by {lease.pause.by}",
    )
    if lease.state is LeaseState.IDLE and _something_waits(connection, current.product_id, current.product):
        set_lease(connection, current.product_id, LeaseState.ACTIVE, now)
        return Resumed(lease.pause, current.product)
    return Resumed(lease.pause)


def find_pauses(connection: sa.Connection, *, scope: Scope = EVERYTHING) -> Mapping[str, Pause]:
    """Return the pause of each product that is paused, by ``domain/name``."""
    rows = connection.execute(
        sa.select(product_leases, data_products.c.Domain, data_products.c.Name)
        .select_from(
            product_leases.join(
                data_products, data_products.c.DataProductID == product_leases.c.DataProductID
            )
        )
        .where(product_leases.c.PausedAt.is_not(None), scope.rows())
        .order_by(data_products.c.Domain, data_products.c.Name)
    )
    return {f"{row.Domain}/{row.Name}": Pause(row.PausedAt, row.PausedBy, row.PauseReason) for row in rows}


def _something_waits(connection: sa.Connection, product_id: int, product: Product) -> bool:
    request = connection.execute(
        sa.select(run_requests.c.RequestID)
        .where(run_requests.c.DataProductID == product_id, run_requests.c.State == RequestState.PENDING)
        .limit(1)
    ).first()
    if request is not None or not product.run.on_landing:
        return request is not None
    file = connection.execute(
        sa.select(landed_files.c.LandedFileID)
        .where(landed_files.c.DataProductID == product_id, landed_files.c.State == FileState.PENDING)
        .limit(1)
    ).first()
    return file is not None
