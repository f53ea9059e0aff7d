"""The lease of a product: idle, or active with one coordinator."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from landfall.metadata.tables import product_leases


class LeaseState(StrEnum):
    IDLE = "idle"
    ACTIVE = "active"


def lock_lease(connection: sa.Connection, product_id: int, now: datetime) -> LeaseState:
    """Hold the product's lease row until the transaction ends, and return its state.

    Whoever adds work and whoever looks for it takes this lock first. So no file can be committed between
    a coordinator's "nothing is pending" and its leaving: a read alone would not see a row that another
    transaction has written and not yet committed.
    """
    connection.execute(
        sa.update(product_leases).where(product_leases.c.DataProductID == product_id).values(ChangedAt=now)
    )
    state: str = connection.execute(
        sa.select(product_leases.c.State).where(product_leases.c.DataProductID == product_id)
    ).scalar_one()
    return LeaseState(state)


def set_lease(connection: sa.Connection, product_id: int, state: LeaseState, now: datetime) -> None:
    connection.execute(
        sa.update(product_leases)
        .where(product_leases.c.DataProductID == product_id)
        .values(State=state, ChangedAt=now)
    )
