"""The lease of a product: idle, or active with one coordinator; and whether the product is paused."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from landfall.metadata.tables import product_leases


class LeaseState(StrEnum):
    IDLE = "idle"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a product, when and why; while it is paused it opens no new run."""

    since: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A product's lease; ``pause`` is ``None`` unless the product is paused."""

    state: LeaseState
    pause: Pause | None = None

    @property
    def wants_coordinator(self) -> bool:
        """Whether work that comes now needs a coordinator to be started."""
        return self.state is LeaseState.IDLE and self.pause is None


def lock_lease(connection: sa.Connection, product_id: int, now: datetime) -> Lease:
    """Hold the product's lease row until the transaction ends, and return the lease.

    Whoever adds work and whoever looks for it takes this lock first. So no file can be committed between
    a coordinator's "nothing is pending" and its leaving: a read alone would not see a row that another
    transaction has written and not yet committed.
    """
    connection.execute(
        sa.update(product_leases).where(product_leases.c.DataProductID == product_id).values(ChangedAt=now)
    )
    return read_lease(connection, product_id)


def read_lease(connection: sa.Connection, product_id: int) -> Lease:
    """Return a product's lease as it stands, for those who only look."""
    row = connection.execute(
        sa.select(product_leases).where(product_leases.c.DataProductID == product_id)
    ).one()
    pause = Pause(row.PausedAt, row.PausedBy, row.PauseReason) if row.PausedAt is not None else None
    return Lease(LeaseState(row.State), pause)


def set_lease(connection: sa.Connection, product_id: int, state: LeaseState, now: datetime) -> None:
    connection.execute(
        sa.update(product_leases)
        .where(product_leases.c.DataProductID == product_id)
        .values(State=state, ChangedAt=now)
    )
