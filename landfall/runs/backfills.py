"""Backfills: landed files of a range taken in again, chunk by chunk, behind what lands meanwhile."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import PendingFile, batches
from landfall.landing.run_files import ENDED, cannot_be_taken_again
from landfall.metadata.acts import Act, record_product_act
from landfall.metadata.catalog import get_current_product
from landfall.metadata.tables import backfill_chunks, backfill_files, backfills, landed_files, run_requests
from landfall.runs.ids import RunID
from landfall.runs.leases import LeaseState, lock_lease, set_lease
from landfall.runs.requests import RequestState, Trigger, UnknownDataset
from landfall.runs.states import RunState
from landfall.spec.model import Product
from landfall.wording import counted

BackfillID = NewType("BackfillID", str)

CHUNK_FILES = 100
"""Files of one chunk where nothing else is asked for."""
MOST_CHUNK_FILES = 5_000
"""Files of one chunk, as many as one run takes in."""


class BackfillState(StrEnum):
    """A backfill pauses by itself when a chunk does not succeed; resuming tries that chunk again."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class ChunkState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NothingToBackfill(LandfallError):
    """No landed file of the range can be taken in again."""

    code = "LF3214"

    def __init__(self, product: str, left: int) -> None:
        super().__init__(
            f"{product} has no landed file in that range that can be taken in again"
            + (f" ({left} cannot)." if left else ".")
            + " `landfall files list` shows what has landed, and when."
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a backfill takes in again.

    Attributes:
        first: Id of the first file, or the instant from which files landed.
        last: Id of the last file, or the instant before which files landed; of the kind of ``first``.
        datasets: Their files only; empty means of every landed dataset.
    """

    first: int | datetime
    last: int | datetime
    datasets: tuple[str, ...] = ()

    def to_payload(self) -> dict[str, Any]:
        return {"from": _text(self.first), "to": _text(self.last), "datasets": list(self.datasets)}


@dataclass(frozen=True, slots=True)
class Backfilling:
    """A backfill that was asked for.

    Attributes:
        files: How many files it takes in again.
        left: Why other files of the range stay as they are, by file.
        start: The product if its coordinator has to be started.
    """

    backfill_id: BackfillID
    files: int
    chunks: int
    left: Mapping[int, str]
    start: Product | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a backfill that a run is to take in."""

    backfill_id: BackfillID
    number: int


def request_backfill(
    connection: sa.Connection,
    product: str,
    selection: Selection,
    *,
    chunk_files: int = CHUNK_FILES,
    backfill_id: BackfillID,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
    dry_run: bool = False,
) -> Backfilling:
    """Ask for a backfill: its chunks are written, and the first one is asked for.

    Args:
        idempotency_key: The same key for the same product is the same backfill.
        dry_run: Write nothing, only tell what would be taken in.

    Raises:
        UnknownProduct: No such product has been applied.
        UnknownDataset: A dataset is not the product's.
        NothingToBackfill: No file of the range can be taken in again.
    """
    current = get_current_product(connection, product)
    landed = [dataset.name for dataset in current.product.datasets if dataset.landing is not None]
    unknown = sorted(set(selection.datasets) - set(landed))
    if unknown:
        raise UnknownDataset(product, unknown, landed)
    if not dry_run:
        lock_lease(connection, current.product_id, now)
        earlier = _earlier(connection, current.product_id, backfill_id, idempotency_key)
        if earlier is not None:
            return earlier
    files = _files(connection, current.product_id, selection, selection.datasets or landed)
    left = cannot_be_taken_again(connection, files)
    taken = [file for file in files if file.file_id not in left]
    if not taken:
        raise NothingToBackfill(product, len(left))
    chunks = list(batches([file.file_id for file in taken], chunk_files))
    if dry_run:
        return Backfilling(backfill_id, len(taken), len(chunks), left)
    connection.execute(
        sa.insert(backfills).values(
            BackfillID=backfill_id,
            DataProductID=current.product_id,
            Selection=selection.to_payload(),
            State=BackfillState.RUNNING,
            IdempotencyKey=idempotency_key,
            FileCount=len(taken),
            RequestedAt=now,
            RequestedBy=actor,
        )
    )
    connection.execute(
        sa.insert(backfill_chunks),
        [
            {
                "BackfillID": backfill_id,
                "ChunkNumber": number,
                "State": ChunkState.WAITING,
                "FileCount": len(ids),
            }
            for number, ids in enumerate(chunks, start=1)
        ],
    )
    connection.execute(
        sa.insert(backfill_files),
        [
            {"BackfillID": backfill_id, "LandedFileID": file_id, "ChunkNumber": number}
            for number, ids in enumerate(chunks, start=1)
            for file_id in ids
        ],
    )
    record_product_act(
        connection,
        Act.BACKFILL,
        current.product_id,
        actor=actor,
        now=now,
        detail=f"backfill {backfill_id}: {counted(len(taken), 'file')} in {counted(len(chunks), 'chunk')}",
    )
    start = request_next_chunk(connection, backfill_id, actor=actor, now=now)
    return Backfilling(backfill_id, len(taken), len(chunks), left, start=current.product if start else None)


def request_next_chunk(
    connection: sa.Connection, backfill_id: BackfillID, *, actor: str, now: datetime
) -> bool:
    """Ask for the next chunk of a backfill that runs; return whether its coordinator has to be started.

    Where no chunk is left the backfill is done.
    """
    row = connection.execute(sa.select(backfills).where(backfills.c.BackfillID == backfill_id)).one()
    if row.State != BackfillState.RUNNING:
        return False
    chunk = connection.execute(
        sa.select(backfill_chunks)
        .where(backfill_chunks.c.BackfillID == backfill_id, backfill_chunks.c.State == ChunkState.WAITING)
        .order_by(backfill_chunks.c.ChunkNumber)
        .limit(1)
    ).one_or_none()
    if chunk is None:
        connection.execute(
            sa.update(backfills)
            .where(backfills.c.BackfillID == backfill_id)
            .values(State=BackfillState.DONE, FinishedAt=now)
        )
        return False
    # A chunk may be asked for again, after a pause or a run that did not succeed.
    asked: int = connection.execute(
        sa.select(sa.func.count()).where(run_requests.c.DataProductID == row.DataProductID)
    ).scalar_one()
    seed = f"{backfill_id} {chunk.ChunkNumber} {asked} {now.isoformat()}"
    connection.execute(
        sa.insert(run_requests).values(
            RequestID=hashlib.sha256(seed.encode()).hexdigest()[:32],
            DataProductID=row.DataProductID,
            Trigger=Trigger.BACKFILL,
            DataSets=[],
            Parameters={"backfill": backfill_id, "chunk": chunk.ChunkNumber},
            State=RequestState.PENDING,
            RequestedAt=now,
            RequestedBy=actor,
        )
    )
    lease = lock_lease(connection, row.DataProductID, now)
    if lease.wants_coordinator:
        set_lease(connection, row.DataProductID, LeaseState.ACTIVE, now)
    return lease.wants_coordinator


def chunk_of(parameters: Mapping[str, Any]) -> Chunk:
    """Return the chunk that a request is for."""
    return Chunk(BackfillID(parameters["backfill"]), parameters["chunk"])


def files_of_chunk(connection: sa.Connection, chunk: Chunk) -> tuple[PendingFile, ...]:
    """Return the files of a chunk that can be taken in again at this moment, in the order in which they landed."""
    rows = connection.execute(
        sa.select(landed_files.c.LandedFileID, landed_files.c.DataSetName)
        .select_from(
            landed_files.join(backfill_files, backfill_files.c.LandedFileID == landed_files.c.LandedFileID)
        )
        .where(backfill_files.c.BackfillID == chunk.backfill_id, backfill_files.c.ChunkNumber == chunk.number)
        .order_by(landed_files.c.LandedFileID)
    )
    files = tuple(PendingFile(row.LandedFileID, row.DataSetName) for row in rows)
    left = cannot_be_taken_again(connection, files)
    return tuple(file for file in files if file.file_id not in left)


def begin_chunk(connection: sa.Connection, chunk: Chunk, run_id: RunID) -> None:
    """Write which run takes a chunk in."""
    connection.execute(
        sa.update(backfill_chunks)
        .where(_is(chunk))
        .values(State=ChunkState.RUNNING, RunID=run_id, Reason=None, FinishedAt=None)
    )


def skip_chunk(connection: sa.Connection, chunk: Chunk, reason: str, *, now: datetime) -> None:
    """End a chunk of which there is nothing to run, and ask for the next one."""
    connection.execute(
        sa.update(backfill_chunks)
        .where(_is(chunk))
        .values(State=ChunkState.DONE, Reason=reason, FinishedAt=now)
    )
    request_next_chunk(connection, chunk.backfill_id, actor="landfall", now=now)


def settle_chunk(
    connection: sa.Connection, run_id: RunID, state: RunState, reason: str | None, *, now: datetime
) -> None:
    """End the chunk that a run has taken in, if it was one, and ask for the next or pause the backfill."""
    row = connection.execute(
        sa.select(backfill_chunks).where(
            backfill_chunks.c.RunID == run_id, backfill_chunks.c.State == ChunkState.RUNNING
        )
    ).one_or_none()
    if row is None:
        return
    chunk = Chunk(BackfillID(row.BackfillID), row.ChunkNumber)
    ended = _CHUNK_OF_RUN[state]
    connection.execute(
        sa.update(backfill_chunks).where(_is(chunk)).values(State=ended, Reason=reason, FinishedAt=now)
    )
    if ended is not ChunkState.DONE:
        # A cause that all chunks share must not make each of them fail.
        connection.execute(
            sa.update(backfills)
            .where(backfills.c.BackfillID == chunk.backfill_id, backfills.c.State == BackfillState.RUNNING)
            .values(State=BackfillState.PAUSED, Reason=f"chunk {chunk.number}: run {run_id} {state}")
        )
    request_next_chunk(connection, chunk.backfill_id, actor="landfall", now=now)


_CHUNK_OF_RUN = {
    RunState.SUCCEEDED: ChunkState.DONE,
    RunState.FAILED: ChunkState.FAILED,
    RunState.CANCELLED: ChunkState.CANCELLED,
}


def _earlier(
    connection: sa.Connection, product_id: int, backfill_id: BackfillID, idempotency_key: str | None
) -> Backfilling | None:
    """Return the backfill of the same id or key: the answer to it was lost, or it is asked for again."""
    same = backfills.c.BackfillID == backfill_id
    if idempotency_key is not None:
        same = sa.or_(same, backfills.c.IdempotencyKey == idempotency_key)
    row = connection.execute(
        sa.select(backfills).where(backfills.c.DataProductID == product_id, same)
    ).one_or_none()
    if row is None:
        return None
    chunks: int = connection.execute(
        sa.select(sa.func.count()).where(backfill_chunks.c.BackfillID == row.BackfillID)
    ).scalar_one()
    return Backfilling(BackfillID(row.BackfillID), row.FileCount, chunks, {})


def _files(
    connection: sa.Connection, product_id: int, selection: Selection, datasets: Sequence[str]
) -> tuple[PendingFile, ...]:
    query = sa.select(landed_files.c.LandedFileID, landed_files.c.DataSetName).where(
        landed_files.c.DataProductID == product_id,
        landed_files.c.DataSetName.in_(datasets),
        landed_files.c.State.in_(ENDED),
    )
    if isinstance(selection.first, datetime):
        query = query.where(
            landed_files.c.LandedAt >= selection.first, landed_files.c.LandedAt < selection.last
        )
    else:
        query = query.where(landed_files.c.LandedFileID.between(selection.first, selection.last))
    rows = connection.execute(query.order_by(landed_files.c.LandedFileID))
    return tuple(PendingFile(row.LandedFileID, row.DataSetName) for row in rows)


def _is(chunk: Chunk) -> sa.ColumnElement[bool]:
    return sa.and_(
        backfill_chunks.c.BackfillID == chunk.backfill_id, backfill_chunks.c.ChunkNumber == chunk.number
    )


def _text(bound: int | datetime) -> int | str:
    return bound.isoformat() if isinstance(bound, datetime) else bound
