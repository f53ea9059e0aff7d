"""The ledger of landed files: one row for each distinct blob version, whatever becomes of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from landfall.addresses import file_name
from landfall.landing.events import BlobEvent
from landfall.metadata.tables import landed_file_values, landed_files, landing_set_files, run_files
from landfall.runs.ids import RunID
from landfall.runs.states import FILE_CHANGES, FileState, sources_of
from landfall.spec.landing_patterns import CapturedValue

Id = TypeVar("Id", int, str)
LONGEST_NAME = 256
_REPLACED = "replaced by a newer version before it was read"
NOT_CLAIMED = frozenset({FileState.PENDING, FileState.WAITING})
"""States of files that wait, for a run or for the rest of their set."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A new row of the ledger."""

    file_id: int
    state: FileState


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that waits for a run."""

    file_id: int
    dataset: str


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that a run takes in; ``captured`` is what its dataset's pattern took from its path."""

    url: str
    etag: str
    size_bytes: int
    captured: Mapping[str, CapturedValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a file at its first event.

    Attributes:
        product_id: ``None`` for a file in no applied product's folder.
        dataset: ``None`` for a file that none expects.
        captured: What the dataset's pattern took from the path.
    """

    state: FileState
    reason: str | None = None
    product_id: int | None = None
    dataset: str | None = None
    captured: Mapping[str, CapturedValue] = field(default_factory=dict)


def record_file(
    connection: sa.Connection, event: BlobEvent, fate: Fate, *, now: datetime
) -> RecordedFile | None:
    """Write a blob version into the ledger and return its row, ``None`` for one that was there before.

    A version seen before only counts one more event. A version that a newer one of the same path has
    replaced is kept as rejected: its content is gone, and reading the path would take the newer one in twice.
    """
    of_path = url_hash(event.url)
    versions = connection.execute(
        sa.select(
            landed_files.c.LandedFileID, landed_files.c.ETag, landed_files.c.Sequencer, landed_files.c.State
        ).where(landed_files.c.UrlHash == of_path)
    ).all()
    for version in versions:
        if version.ETag == event.etag:
            connection.execute(
                sa.update(landed_files)
                .where(landed_files.c.LandedFileID == version.LandedFileID)
                .values(EventCount=landed_files.c.EventCount + 1)
            )
            return None
    state, reason = fate.state, fate.reason
    if state in NOT_CLAIMED:
        if any(_is_later(version.Sequencer, event.sequencer) for version in versions):
            state, reason = FileState.REJECTED, _REPLACED
        else:
            replaced = [version.LandedFileID for version in versions if version.State in NOT_CLAIMED]
            _reject_waiting(connection, replaced, _REPLACED, now)
    file_id: int = connection.execute(
        sa.insert(landed_files)
        .values(
            Url=event.url,
            UrlHash=of_path,
            FileName=searched_name(event.url),
            ETag=event.etag,
            SizeBytes=event.size_bytes,
            Sequencer=event.sequencer,
            EventTime=event.occurred_at,
            LandedAt=now,
            DataProductID=fate.product_id,
            DataSetName=fate.dataset,
            State=state,
            Reason=reason,
            FinishedAt=now if state in {FileState.REJECTED, FileState.DONE} else None,
        )
        .returning(landed_files.c.LandedFileID)
    ).scalar_one()
    if fate.captured:
        keep_captured(connection, file_id, fate.captured)
    return RecordedFile(file_id, state)


def keep_captured(connection: sa.Connection, file_id: int, captured: Mapping[str, CapturedValue]) -> None:
    """Write what the pattern that a file meets now takes from its path, in place of what one took before."""
    connection.execute(sa.delete(landed_file_values).where(landed_file_values.c.LandedFileID == file_id))
    if captured:
        connection.execute(
            sa.insert(landed_file_values).values(LandedFileID=file_id, Captured=dict(captured))
        )


def pending_files(connection: sa.Connection, product_id: int, *, limit: int) -> tuple[PendingFile, ...]:
    """Return the files of a product that wait for a run, oldest first: ``limit``, and what completes a set."""
    waiting = sa.and_(landed_files.c.DataProductID == product_id, landed_files.c.State == FileState.PENDING)
    query = sa.select(landed_files.c.LandedFileID, landed_files.c.DataSetName).where(waiting)
    rows = list(connection.execute(query.order_by(landed_files.c.LandedFileID).limit(limit)))
    if len(rows) == limit:
        # The limit does not part a set: the rest of those that have begun comes along.
        begun = (
            sa.select(landing_set_files.c.LandingSetID)
            .join(landed_files, landed_files.c.LandedFileID == landing_set_files.c.LandedFileID)
            .where(waiting, landed_files.c.LandedFileID <= rows[-1].LandedFileID)
        )
        rest = query.join(
            landing_set_files, landing_set_files.c.LandedFileID == landed_files.c.LandedFileID
        ).where(
            landing_set_files.c.LandingSetID.in_(begun), landed_files.c.LandedFileID > rows[-1].LandedFileID
        )
        rows += connection.execute(rest.order_by(landed_files.c.LandedFileID))
    return tuple(PendingFile(row.LandedFileID, row.DataSetName) for row in rows)


@dataclass(frozen=True, slots=True)
class Gathering:
    """The files of a product that wait for a run: how many, and when the first and the last of them landed."""

    count: int
    first_at: datetime
    last_at: datetime


def gathering_files(connection: sa.Connection, product_id: int) -> Gathering | None:
    """Return what waits for a run of a product, ``None`` if nothing does."""
    row = connection.execute(
        sa.select(
            sa.func.count().label("Files"),
            sa.func.min(landed_files.c.LandedAt).label("FirstAt"),
            sa.func.max(landed_files.c.LandedAt).label("LastAt"),
        ).where(landed_files.c.DataProductID == product_id, landed_files.c.State == FileState.PENDING)
    ).one()
    return Gathering(row.Files, row.FirstAt, row.LastAt) if row.Files else None


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
    keep_files_of_run(connection, run_id)


def keep_files_of_run(connection: sa.Connection, run_id: RunID) -> None:
    """Keep which files a run has claimed: the ledger forgets it when another run claims them again."""
    known = sa.select(run_files.c.LandedFileID).where(run_files.c.RunID == run_id)
    claimed = sa.select(sa.literal(run_id), landed_files.c.LandedFileID).where(
        landed_files.c.RunID == run_id, landed_files.c.LandedFileID.not_in(known)
    )
    connection.execute(sa.insert(run_files).from_select(["RunID", "LandedFileID"], claimed))


def reject_files(connection: sa.Connection, files: Iterable[PendingFile], reason: str, now: datetime) -> None:
    """Set files that wait aside with a reason."""
    _reject_waiting(connection, [file.file_id for file in files], reason, now)


def _reject_waiting(connection: sa.Connection, file_ids: list[int], reason: str, now: datetime) -> None:
    for batch in batches(file_ids):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch), landed_files.c.State.in_(NOT_CLAIMED))
            .values(State=FileState.REJECTED, Reason=reason, FinishedAt=now)
        )


def claimed_files(connection: sa.Connection, run_id: RunID, dataset: str) -> tuple[ClaimedFile, ...]:
    """Return the files of a dataset that a run has claimed, in the order in which they landed."""
    rows = connection.execute(
        sa.select(
            landed_files.c.Url, landed_files.c.ETag, landed_files.c.SizeBytes, landed_file_values.c.Captured
        )
        .select_from(
            landed_files.outerjoin(
                landed_file_values, landed_file_values.c.LandedFileID == landed_files.c.LandedFileID
            )
        )
        .where(
            landed_files.c.RunID == run_id,
            landed_files.c.DataSetName == dataset,
            landed_files.c.State == FileState.CLAIMED,
        )
        .order_by(landed_files.c.LandedFileID)
    )
    return tuple(ClaimedFile(row.Url, row.ETag, row.SizeBytes, row.Captured or {}) for row in rows)


@dataclass(frozen=True, slots=True)
class NewerVersion:
    """The version that lies at the address of a claimed file, which it has replaced."""

    url: str
    etag: str
    size_bytes: int
    modified_at: datetime


def claim_newer_versions(
    connection: sa.Connection, run_id: RunID, versions: Iterable[NewerVersion], *, now: datetime
) -> None:
    """Give a run the versions that have replaced files it claimed: they are what its job will read.

    Their events may have come, or be on their way: then they find the version in the ledger.
    """
    for version in versions:
        of_path = landed_files.c.UrlHash == url_hash(version.url)
        old = connection.execute(
            sa.select(landed_files).where(
                of_path, landed_files.c.RunID == run_id, landed_files.c.State == FileState.CLAIMED
            )
        ).first()
        if old is None or old.ETag == version.etag:
            continue
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID == old.LandedFileID)
            .values(State=FileState.REJECTED, Reason=_REPLACED, FinishedAt=now)
        )
        claim = {"State": FileState.CLAIMED, "RunID": run_id, "ClaimedAt": now, "Reason": None}
        known = connection.execute(
            sa.update(landed_files)
            .where(of_path, landed_files.c.ETag == version.etag, landed_files.c.State.in_(NOT_CLAIMED))
            .values(**claim)
        ).rowcount
        if known:
            continue
        file_id: int = connection.execute(
            sa.insert(landed_files)
            .values(
                Url=version.url,
                UrlHash=old.UrlHash,
                FileName=searched_name(version.url),
                ETag=version.etag,
                SizeBytes=version.size_bytes,
                EventTime=version.modified_at,
                LandedAt=now,
                # Its event has not come yet.
                EventCount=0,
                DataProductID=old.DataProductID,
                DataSetName=old.DataSetName,
                **claim,
            )
            .returning(landed_files.c.LandedFileID)
        ).scalar_one()
        captured = connection.execute(
            sa.select(landed_file_values.c.Captured).where(
                landed_file_values.c.LandedFileID == old.LandedFileID
            )
        ).scalar_one_or_none()
        keep_captured(connection, file_id, captured or {})
    keep_files_of_run(connection, run_id)


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


def reject_gone(connection: sa.Connection, url: str, sequencer: str | None, *, now: datetime) -> bool:
    """Reject the versions of a path that wait although it was deleted; return whether there were any.

    Args:
        sequencer: That of the deletion; versions that were written after it stay.
    """
    rows = connection.execute(
        sa.select(landed_files.c.LandedFileID, landed_files.c.Sequencer).where(
            landed_files.c.UrlHash == url_hash(url), landed_files.c.State.in_(NOT_CLAIMED)
        )
    ).all()
    gone = [row.LandedFileID for row in rows if not _is_later(row.Sequencer, sequencer)]
    _reject_waiting(connection, gone, "deleted or renamed before it was read", now)
    return bool(gone)


def _replaces(other: sa.Row[Any], file: sa.Row[Any]) -> bool:
    """Return whether a version of a path came after another one; without sequencers, the ledger's order says so."""
    if other.Sequencer is None or file.Sequencer is None:
        return bool(other.LandedFileID > file.LandedFileID)
    return _is_later(other.Sequencer, file.Sequencer)


def _is_later(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one > other


def searched_name(url: str) -> str:
    """Return what files are looked for by: the last part of the path, in lower case, cut to what an index takes."""
    return file_name(url).lower()[:LONGEST_NAME]


def url_hash(url: str) -> str:
    """Return what stands for an address in the ledger's index."""
    return hashlib.sha256(url.encode()).hexdigest()


def batches(ids: list[Id], size: int = 500) -> Iterable[list[Id]]:
    """SQL Server takes at most 2,100 parameters in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
