"""What operators read of one product beside its lists: who reads it, and how much of its rows was refused."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import (
    data_products,
    runs,
    transformation_data_sets,
    transformations,
)
from landfall.runs.ids import RunID
from landfall.runs.states import RunState


@dataclass(frozen=True, slots=True)
class Consumer:
    """A transformation of another product that reads a port, ``domain/product.dataset@version``."""

    product: str
    transformation: str
    port: str


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of one run, of all its nodes that have ended with a result."""

    run_id: RunID
    state: RunState
    created_at: datetime
    rows_read: int
    rows_quarantined: int

    @property
    def refused_share(self) -> float:
        """Rows that were refused as a share of those read, from 0 to 1."""
        return self.rows_quarantined / self.rows_read if self.rows_read else 0.0


def consumers_of(connection: sa.Connection, product: str) -> tuple[Consumer, ...]:
    """Return who reads the ports of ``domain/name``, by product and transformation."""
    port = transformation_data_sets.c.ForeignPort
    rows = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name, transformations.c.Name.label("Reader"), port)
        .select_from(
            transformation_data_sets.join(
                transformations,
                transformations.c.TransformationID == transformation_data_sets.c.TransformationID,
            ).join(data_products, data_products.c.DataProductID == transformations.c.DataProductID)
        )
        .where(port.startswith(f"{product}.", autoescape=True))
        .order_by(data_products.c.Domain, data_products.c.Name, transformations.c.Name, port)
    )
    return tuple(Consumer(f"{row.Domain}/{row.Name}", row.Reader, row.ForeignPort) for row in rows)


def rows_by_run(connection: sa.Connection, product_id: int, *, limit: int = 30) -> tuple[RunRows, ...]:
    """Return the rows of the newest runs of a product, the newest first."""
    rows = connection.execute(
        sa.select(runs.c.RunID, runs.c.State, runs.c.CreatedAt, runs.c.RowsRead, runs.c.RowsQuarantined)
        .where(runs.c.DataProductID == product_id)
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
        .limit(limit)
    )
    return tuple(
        RunRows(RunID(row.RunID), RunState(row.State), row.CreatedAt, row.RowsRead, row.RowsQuarantined)
        for row in rows
    )
