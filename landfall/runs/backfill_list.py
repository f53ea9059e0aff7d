"""The list of backfills: how far each is, counted in SQL whatever the number of its chunks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import backfill_chunks, backfills, data_products
from landfall.runs.backfills import BackfillID, BackfillState, ChunkState


@dataclass(frozen=True, slots=True)
class BackfillStanding:
    """What every view of a backfill tells.

    Attributes:
        selection: What it takes in again, as it was asked for.
    """

    backfill_id: BackfillID
    product: str
    state: BackfillState
    reason: str | None
    selection: Mapping[str, Any]
    files: int
    files_done: int
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class BackfillSummary(BackfillStanding):
    """A backfill and how far it is; each of its chunks is one run."""

    chunks: int
    chunks_done: int


def list_backfills(
    connection: sa.Connection,
    *,
    product: str | None = None,
    state: BackfillState | None = None,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[BackfillSummary]:
    """Return a page of backfills, the newest first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    done = backfill_chunks.c.State == ChunkState.DONE
    query = backfill_rows().add_columns(
        _of_chunks(sa.func.coalesce(sa.func.sum(backfill_chunks.c.FileCount), 0), done).label("FilesDone"),
        _of_chunks(sa.func.count()).label("Chunks"),
        _of_chunks(sa.func.count(), done).label("ChunksDone"),
    )
    query = query.where(scope.rows())
    if product is not None:
        query = query.where(named(product))
    if state is not None:
        query = query.where(backfills.c.State == state)
    order = [
        SortKey("requested_at", backfills.c.RequestedAt, descending=True),
        SortKey("backfill_id", backfills.c.BackfillID),
    ]
    return read_page(connection, query, order, _summary, limit=limit, cursor=cursor)


def backfill_rows() -> sa.Select[Any]:
    """Return the query for backfills with the names of their products."""
    return sa.select(backfills, data_products.c.Domain, data_products.c.Name).select_from(
        backfills.join(data_products, data_products.c.DataProductID == backfills.c.DataProductID)
    )


def _of_chunks(what: sa.ColumnElement[int], *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    of_backfill = backfill_chunks.c.BackfillID == backfills.c.BackfillID
    return sa.select(what).select_from(backfill_chunks).where(of_backfill, *conditions).scalar_subquery()


def standing(row: sa.Row[Any], files_done: int) -> dict[str, Any]:
    """Return the fields of a ``BackfillStanding`` of a row of ``backfill_rows``."""
    return {
        "backfill_id": BackfillID(row.BackfillID),
        "product": f"{row.Domain}/{row.Name}",
        "state": BackfillState(row.State),
        "reason": row.Reason,
        "selection": row.Selection,
        "files": row.FileCount,
        "files_done": files_done,
        "requested_at": row.RequestedAt,
        "requested_by": row.RequestedBy,
        "finished_at": row.FinishedAt,
    }


def _summary(row: sa.Row[Any]) -> BackfillSummary:
    return BackfillSummary(**standing(row, row.FilesDone), chunks=row.Chunks, chunks_done=row.ChunksDone)
