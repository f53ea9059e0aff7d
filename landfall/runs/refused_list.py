"""The datasets of which rows were refused, as far back as runs are on record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """A dataset and the rows that its rules refused; how many of them are still held, only the quarantine says.

    Attributes:
        rows: Refused in all ``runs`` together.
        last_run: The newest run that refused any.
    """

    product: str
    dataset: str
    node: NodeKey
    rows: int
    runs: int
    last_run: RunID
    last_rows: int
    last_at: datetime


def list_refused(
    connection: sa.Connection,
    *,
    product: str | None = None,
    since: datetime | None = None,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[RefusedRows]:
    """Return a page of datasets with refused rows, those of which some were refused last first.

    Args:
        since: Only what runs refused that were opened from then on.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    of_node = (
        sa.select(
            data_products.c.Domain,
            data_products.c.Name,
            node_runs.c.NodeKey,
            sa.func.max(node_runs.c.NodeRunID).label("Newest"),
            sa.func.sum(node_runs.c.RowsQuarantined).label("Rows"),
            sa.func.count().label("Runs"),
        )
        .select_from(
            node_runs.join(runs, runs.c.RunID == node_runs.c.RunID).join(
                data_products, data_products.c.DataProductID == runs.c.DataProductID
            )
        )
        # As text, for the index holds such rows only and a parameter might be anything.
        .where(node_runs.c.RowsQuarantined > sa.literal_column("0"), scope.rows())
        .group_by(data_products.c.Domain, data_products.c.Name, node_runs.c.NodeKey)
    )
    if product is not None:
        of_node = of_node.where(named(product))
    if since is not None:
        # Ids of runs sort by time, and the index begins with them.
        of_node = of_node.where(node_runs.c.RunID >= f"{since:%Y%m%d-%H%M%S}")
    found = of_node.subquery("Refused")
    query = sa.select(
        found, node_runs.c.RunID, node_runs.c.RowsQuarantined, node_runs.c.Definition, runs.c.CreatedAt
    ).select_from(
        found.join(node_runs, node_runs.c.NodeRunID == found.c.Newest).join(
            runs, runs.c.RunID == node_runs.c.RunID
        )
    )
    order = [SortKey("newest", found.c.Newest, descending=True)]
    return read_page(connection, query, order, _refused, limit=limit, cursor=cursor)


def _refused(row: sa.Row[Any]) -> RefusedRows:
    return RefusedRows(
        product=f"{row.Domain}/{row.Name}",
        dataset=row.Definition["output"]["dataset"],
        node=NodeKey(row.NodeKey),
        rows=int(row.Rows),
        runs=row.Runs,
        last_run=RunID(row.RunID),
        last_rows=row.RowsQuarantined,
        last_at=row.CreatedAt,
    )
