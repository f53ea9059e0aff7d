"""What operators read of the landing ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.tables import data_products, landed_files
from landfall.runs.states import FileState


class UnknownFile(LandfallError):
    """No landed file has that id or address."""

    code = "LF3102"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"No landed file has the id or address {text!r}. `landfall files list` shows those there are."
        )


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One version of one file.

    Attributes:
        product: ``domain/name``, ``None`` if no product matches.
        event_count: How often its event has come; it is taken in once all the same.
    """

    file_id: int
    url: str
    etag: str
    size_bytes: int
    product: str | None
    dataset: str | None
    state: FileState
    reason: str | None
    run_id: str | None
    event_count: int
    landed_at: datetime
    finished_at: datetime | None


def list_files(
    connection: sa.Connection,
    *,
    product: str | None = None,
    state: FileState | None = None,
    run_id: str | None = None,
    limit: int = 50,
) -> tuple[LandedFile, ...]:
    """Return the newest files first, those that meet every condition given."""
    query = _files().order_by(landed_files.c.LandedFileID.desc()).limit(limit)
    if product is not None:
        domain, _, name = product.partition("/")
        query = query.where(data_products.c.Domain == domain, data_products.c.Name == name)
    if state is not None:
        query = query.where(landed_files.c.State == state)
    if run_id is not None:
        query = query.where(landed_files.c.RunID == run_id)
    return tuple(_file(row) for row in connection.execute(query))


def get_file(connection: sa.Connection, text: str) -> tuple[LandedFile, ...]:
    """Return the file with the id ``text``, or every version of the file whose address ends in it.

    Raises:
        UnknownFile: There is none.
    """
    if text.isdigit():
        query = _files().where(landed_files.c.LandedFileID == int(text))
    else:
        query = _files().where(landed_files.c.Url.endswith(text, autoescape=True))
    rows = connection.execute(query.order_by(landed_files.c.LandedFileID.desc()).limit(100)).all()
    if not rows:
        raise UnknownFile(text)
    return tuple(_file(row) for row in rows)


def _files() -> sa.Select[Any]:
    return sa.select(landed_files, data_products.c.Domain, data_products.c.Name).select_from(
        landed_files.outerjoin(data_products, data_products.c.DataProductID == landed_files.c.DataProductID)
    )


def _file(row: sa.Row[Any]) -> LandedFile:
    return LandedFile(
        file_id=row.LandedFileID,
        url=row.Url,
        etag=row.ETag,
        size_bytes=row.SizeBytes,
        product=f"{row.Domain}/{row.Name}" if row.Domain else None,
        dataset=row.DataSetName,
        state=FileState(row.State),
        reason=row.Reason,
        run_id=row.RunID,
        event_count=row.EventCount,
        landed_at=row.LandedAt,
        finished_at=row.FinishedAt,
    )
