"""Copied files in the ledger, and the watermarks that follow from those that were published.

A watermark moves in the transaction that settles the node which took a copied file in. Until then the next copy begins
where this one began and bears the same number; of two files with one number only one is taken in.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.copying.names import parse_increment
from landfall.landing.ledger import NOT_CLAIMED, PendingFile, reject_files, url_hash
from landfall.metadata.tables import landed_files, watermarks
from landfall.runs.ids import RunID
from landfall.runs.states import FileState
from landfall.spec.model import Dataset

_IN_FLIGHT = (*sorted(NOT_CLAIMED), FileState.CLAIMED)


def why_refused(
    connection: sa.Connection, product_id: int, dataset: Dataset, url: str, etag: str
) -> str | None:
    """Return why a copied file is not taken in: its rows were, or are on their way in another file."""
    if dataset.copy is None:
        return None
    increment = parse_increment(url)
    if increment is None:
        return _why_repeated(connection, url, etag)
    mark = connection.execute(
        marks_of(product_id).where(watermarks.c.DataSetName == dataset.name)
    ).one_or_none()
    published = 0 if mark is None else mark.CopyNumber or 0
    if increment.number <= published:
        return f"copy {increment.number} of {dataset.name} was published from another file"
    if increment.number > published + 1:
        return f"copy {increment.number} of {dataset.name} came before copy {published + 1} was published"
    for row in in_flight(connection, product_id, dataset.name):
        if row.Url != url and parse_increment(row.Url) is not None:
            return f"copy {increment.number} of {dataset.name} is on its way in file {row.LandedFileID}"
    return None


def copied_again(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> Mapping[int, str]:
    """Return why files cannot be taken in again because their rows were copied again, for those of which it is so.

    Args:
        rows: Whole rows of LandedFiles. One that was taken in is no fault: its rows replace themselves.
    """
    reasons: dict[int, str] = {}
    numbers: dict[tuple[int, str], int] = {}
    newest: dict[tuple[int, str, int], int] = {}
    candidates = [
        (row, found)
        for row in rows
        if row.State != FileState.DONE
        and row.DataProductID is not None
        and (found := parse_increment(row.Url)) is not None
    ]
    for row, increment in candidates:
        named = (row.DataProductID, row.DataSetName, increment.number)
        newest[named] = max(row.LandedFileID, newest.get(named, 0))
    for row, increment in candidates:
        at = (row.DataProductID, row.DataSetName)
        if at not in numbers:
            mark = connection.execute(marks_of(at[0]).where(watermarks.c.DataSetName == at[1])).one_or_none()
            numbers[at] = -1 if mark is None else mark.CopyNumber or 0
        others = [other for other in in_flight(connection, *at) if other.LandedFileID != row.LandedFileID]
        if (
            increment.number <= numbers[at]
            or any(parse_increment(other.Url) for other in others)
            or newest[(*at, increment.number)] != row.LandedFileID
        ):
            reasons[row.LandedFileID] = f"its rows were copied again, as copy {increment.number}"
    return reasons


def move_watermark(
    connection: sa.Connection,
    product_id: int,
    dataset: str,
    run_id: RunID,
    *,
    watermark_of: str | None,
    unreadable: Set[str],
    now: datetime,
) -> None:
    """Write what a run has published of the copies of a dataset, before its claims on the files end.

    Args:
        watermark_of: What the watermark is about; ``None`` where the dataset is copied whole each time.
        unreadable: Addresses of claimed files that gave no rows.
    """
    urls = [
        row.Url for row in in_flight(connection, product_id, dataset, run_id) if row.Url not in unreadable
    ]
    mark = connection.execute(marks_of(product_id).where(watermarks.c.DataSetName == dataset)).one_or_none()
    number = 0 if mark is None else mark.CopyNumber or 0
    following = next(
        (found for url in urls if (found := parse_increment(url)) and found.number == number + 1), None
    )
    if following is not None and watermark_of is not None:
        number = following.number
        values = {
            "WatermarkValue": following.upto,
            "WatermarkOf": watermark_of,
            "CopyNumber": number,
            "RunID": run_id,
            "CommittedAt": now,
        }
        if mark is None:
            connection.execute(
                sa.insert(watermarks).values(DataProductID=product_id, DataSetName=dataset, **values)
            )
        else:
            connection.execute(
                sa.update(watermarks).where(watermarks.c.WatermarkID == mark.WatermarkID).values(**values)
            )
    _reject_repeated(connection, product_id, dataset, urls, number, now)


def _reject_repeated(
    connection: sa.Connection, product_id: int, dataset: str, urls: Iterable[str], number: int, now: datetime
) -> None:
    """Reject files that wait although their rows have just been published from another one, or another version."""
    published = set(urls)
    repeated = [
        PendingFile(row.LandedFileID, dataset)
        for row in in_flight(connection, product_id, dataset)
        if row.State in NOT_CLAIMED
        and (
            row.Url in published
            or ((found := parse_increment(row.Url)) is not None and found.number <= number)
        )
    ]
    reject_files(connection, repeated, "its rows were published from another copy", now)


def _why_repeated(connection: sa.Connection, url: str, etag: str) -> str | None:
    taken = connection.execute(
        sa.select(landed_files.c.LandedFileID).where(
            landed_files.c.UrlHash == url_hash(url),
            landed_files.c.ETag != etag,
            landed_files.c.State == FileState.DONE,
        )
    ).first()
    return None if taken is None else f"this copy was taken in as file {taken.LandedFileID}"


def marks_of(product_id: int) -> sa.Select[Any]:
    """Return the query for how far each dataset of a product has been copied."""
    return sa.select(watermarks).where(watermarks.c.DataProductID == product_id)


def in_flight(
    connection: sa.Connection, product_id: int, dataset: str, run_id: RunID | None = None
) -> Sequence[sa.Row[Any]]:
    """Return the files of a dataset that wait or are claimed, or those that a run has claimed."""
    query = sa.select(landed_files).where(
        landed_files.c.DataProductID == product_id, landed_files.c.DataSetName == dataset
    )
    if run_id is None:
        query = query.where(landed_files.c.State.in_(_IN_FLIGHT))
    else:
        query = query.where(landed_files.c.State == FileState.CLAIMED, landed_files.c.RunID == run_id)
    return connection.execute(query.order_by(landed_files.c.LandedFileID)).all()
