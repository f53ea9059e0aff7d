"""The ledger of landed files: one row for each distinct blob version, whatever becomes of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from landfall.landing.events import BlobEvent
from landfall.metadata.tables import landed_files
from landfall.runs.ids import RunID
from landfall.runs.states import FILE_CHANGES, FileState, sources_of

Id = TypeVar("Id", int, str)


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that waits for a run."""

    file_id: int
    dataset: str


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that a run takes in."""

    url: str
    etag: str
    size_bytes: int


def record_file(
    connection: sa.Connection,
    event: BlobEvent,
    *,
    product_id: int | None,
    dataset: str | None,
    state: FileState,
    reason: str | None,
    now: datetime,
) -> bool:
    """Write a blob version into the ledger and return whether it was new.

    A version seen before only counts one more event. A version that a newer one of the same path has
    replaced is kept as rejected: its content is gone, and reading the path would take the newer one in twice.
    """
    url_hash = hashlib.sha256(event.url.encode()).hexdigest()
    versions = connection.execute(
        sa.select(
            landed_files.c.LandedFileID, landed_files.c.ETag, landed_files.c.Sequencer, landed_files.c.State
        ).where(landed_files.c.UrlHash == url_hash)
    ).all()
    for version in versions:
        if version.ETag == event.etag:
            connection.execute(
                sa.update(landed_files)
                .where(landed_files.c.LandedFileID == version.LandedFileID)
                .values(EventCount=landed_files.c.EventCount + 1)
            )
            return False
    if state is FileState.PENDING:
        if any(_is_later(version.Sequencer, event.sequencer) for version in versions):
            state, reason = FileState.REJECTED, "replaced by a newer version before it was read"
        else:
            _replace_pending(
                connection, (v.LandedFileID for v in versions if v.State == FileState.PENDING), now
            )
    connection.execute(
        sa.insert(landed_files).values(
            Url=event.url,
            UrlHash=url_hash,
            ETag=event.etag,
            SizeBytes=event.size_bytes,
            Sequencer=event.sequencer,
            EventTime=event.occurred_at,
            LandedAt=now,
            DataProductID=product_id,
            DataSetName=dataset,
            State=state,
            Reason=reason,
            FinishedAt=now if state is FileState.REJECTED else None,
        )
    )
    return True


def pending_files(connection: sa.Connection, product_id: int, *, limit: int) -> tuple[PendingFile, ...]:
    """Return the files of a product that wait for a run, oldest first."""
    rows = connection.execute(
        sa.select(landed_files.c.LandedFileID, landed_files.c.DataSetName)
        .where(landed_files.c.DataProductID == product_id, landed_files.c.State == FileState.PENDING)
        .order_by(landed_files.c.LandedFileID)
        .limit(limit)
    )
    return tuple(PendingFile(row.LandedFileID, row.DataSetName) for row in rows)


def files_to_take_again(
    connection: sa.Connection, run_id: RunID, datasets: Sequence[str]
) -> tuple[PendingFile, ...]:
    """Return the files of a run that it rejected and whose content is still there, oldest first."""
    rows = [
        row
        for batch in batches(list(datasets))
        for row in connection.execute(
            sa.select(landed_files)
            .where(
                landed_files.c.RunID == run_id,
                landed_files.c.State == FileState.REJECTED,
                landed_files.c.DataSetName.in_(batch),
            )
            .order_by(landed_files.c.LandedFileID)
        )
    ]
    replaced = newer_versions(connection, rows)
    return tuple(
        PendingFile(row.LandedFileID, row.DataSetName) for row in rows if row.LandedFileID not in replaced
    )


def put_back(connection: sa.Connection, files: Iterable[PendingFile]) -> None:
    """Let rejected files wait for a run again."""
    for batch in batches([file.file_id for file in files]):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch), landed_files.c.State == FileState.REJECTED)
            .values(State=FileState.PENDING, RunID=None, ClaimedAt=None, FinishedAt=None)
        )


def claim_files(
    connection: sa.Connection, files: Iterable[PendingFile], run_id: RunID, now: datetime
) -> None:
    """Give pending files to a run."""
    for batch in batches([file.file_id for file in files]):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch), landed_files.c.State == FileState.PENDING)
            .values(State=FileState.CLAIMED, RunID=run_id, ClaimedAt=now, Reason=None)
        )


def reject_files(connection: sa.Connection, files: Iterable[PendingFile], reason: str, now: datetime) -> None:
    """Set pending files aside with a reason."""
    for batch in batches([file.file_id for file in files]):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch), landed_files.c.State == FileState.PENDING)
            .values(State=FileState.REJECTED, Reason=reason, FinishedAt=now)
        )


def claimed_files(connection: sa.Connection, run_id: RunID, dataset: str) -> tuple[ClaimedFile, ...]:
    """Return the files of a dataset that a run has claimed, in the order in which they landed."""
    rows = connection.execute(
        sa.select(landed_files.c.Url, landed_files.c.ETag, landed_files.c.SizeBytes)
        .where(landed_files.c.RunID == run_id, landed_files.c.DataSetName == dataset)
        .order_by(landed_files.c.LandedFileID)
    )
    return tuple(ClaimedFile(row.Url, row.ETag, row.SizeBytes) for row in rows)


def settle_files(
    connection: sa.Connection,
    run_id: RunID,
    *,
    dataset: str | None,
    state: FileState,
    reason: str | None,
    now: datetime,
    rejected: Mapping[str, str] | None = None,
) -> None:
    """End the claims of a run, on one dataset or on all that are left.

    Args:
        rejected: Reason by URL of files that could not be read although the others were.
    """
    claims = sa.and_(
        landed_files.c.RunID == run_id, landed_files.c.State.in_(sources_of(state, FILE_CHANGES))
    )
    if dataset is not None:
        claims = sa.and_(claims, landed_files.c.DataSetName == dataset)
    for url, why in (rejected or {}).items():
        connection.execute(
            sa.update(landed_files)
            .where(claims, landed_files.c.Url == url)
            .values(State=FileState.REJECTED, Reason=why, FinishedAt=now)
        )
    connection.execute(
        sa.update(landed_files)
        .where(claims, landed_files.c.State == FileState.CLAIMED)
        .values(State=state, Reason=reason, FinishedAt=now)
    )


def newer_versions(connection: sa.Connection, files: Sequence[sa.Row[Any]]) -> Mapping[int, int]:
    """Return, for those of ``files`` whose path holds a later version by now, the id of the newest one.

    Args:
        files: Whole rows of LandedFiles.
    """
    newest: dict[int, int] = {}
    by_path: dict[str, list[sa.Row[Any]]] = {}
    for batch in batches(sorted({file.UrlHash for file in files})):
        for version in connection.execute(
            sa.select(landed_files.c.LandedFileID, landed_files.c.UrlHash, landed_files.c.Sequencer)
            .where(landed_files.c.UrlHash.in_(batch))
            .order_by(landed_files.c.LandedFileID)
        ):
            by_path.setdefault(version.UrlHash, []).append(version)
    for file in files:
        later = [other for other in by_path[file.UrlHash] if _replaces(other, file)]
        if later:
            newest[file.LandedFileID] = max(
                later, key=lambda row: (row.Sequencer or "", row.LandedFileID)
            ).LandedFileID
    return newest


def _replaces(other: sa.Row[Any], file: sa.Row[Any]) -> bool:
    """Return whether a version of a path came after another one; without sequencers, the ledger's order says so."""
    if other.Sequencer is None or file.Sequencer is None:
        return bool(other.LandedFileID > file.LandedFileID)
    return _is_later(other.Sequencer, file.Sequencer)


def _is_later(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one > other


def _replace_pending(connection: sa.Connection, file_ids: Iterable[int], now: datetime) -> None:
    for batch in batches(list(file_ids)):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch))
            .values(
                State=FileState.REJECTED,
                Reason="replaced by a newer version before it was read",
                FinishedAt=now,
            )
        )


def batches(ids: list[Id], size: int = 500) -> Iterable[list[Id]]:
    """SQL Server takes at most 2,100 parameters in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
