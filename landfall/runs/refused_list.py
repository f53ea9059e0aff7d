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
    newer = node_runs.alias("Newer")
    within = node_runs.alias("Within")
    # As text, for the indexes hold such rows only and a parameter might be anything.
    none: sa.ColumnElement[int] = sa.literal_column("0")
    # Ids of runs sort by time, and the indexes have them.
    begun = f"{since:%Y%m%d-%H%M%S}" if since is not None else ""
    of_node = (
        within.c.DataProductID == node_runs.c.DataProductID,
        within.c.NodeKey == node_runs.c.NodeKey,
        within.c.RowsQuarantined > none,
        within.c.RunID >= begun,
    )
    query = (
        sa.select(
            data_products.c.Domain,
            data_products.c.Name,
            node_runs.c.NodeKey,
            node_runs.c.RunID,
            node_runs.c.RowsQuarantined,
            node_runs.c.Definition,
            runs.c.CreatedAt,
            sa.select(sa.func.sum(within.c.RowsQuarantined)).where(*of_node).scalar_subquery().label("Rows"),
            sa.select(sa.func.count()).where(*of_node).scalar_subquery().label("Runs"),
        )
        .select_from(
            node_runs.join(runs, runs.c.RunID == node_runs.c.RunID).join(
                data_products, data_products.c.DataProductID == node_runs.c.DataProductID
            )
        )
        .where(
            node_runs.c.RowsQuarantined > none,
            node_runs.c.RunID >= begun,
            scope.rows(),
            # The newest of each node: a page ends the walk along the index, so older ones are not even met.
            ~sa.exists().where(
                newer.c.DataProductID == node_runs.c.DataProductID,
                newer.c.NodeKey == node_runs.c.NodeKey,
                newer.c.RowsQuarantined > none,
                newer.c.RunID > node_runs.c.RunID,
            ),
        )
    )
    if product is not None:
        query = query.where(named(product))
    order = [
        SortKey("run", node_runs.c.RunID, descending=True),
        SortKey("node", node_runs.c.NodeKey, descending=True),
    ]
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
