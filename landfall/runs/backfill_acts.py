"""What operators do to backfills: look at one, pause, resume, cancel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.acts import Act, record_product_act
from landfall.metadata.catalog import get_current_product
from landfall.metadata.tables import backfill_chunks, backfills, run_requests
from landfall.runs.backfill_list import BackfillStanding, backfill_rows, standing
from landfall.runs.backfills import BackfillID, BackfillState, ChunkState, request_next_chunk
from landfall.runs.closing import CancelledRun, cancel_run
from landfall.runs.ids import RunID
from landfall.runs.leases import lock_lease
from landfall.runs.requests import RequestState, Trigger
from landfall.spec.model import Product


class UnknownBackfill(LandfallError):
    """No backfill has that id, or an id that begins so."""

    code = "LF3215"

    def __init__(self, text: str) -> None:
        super().__init__(f"There is no backfill {text!r}. `landfall backfills list` shows those there are.")


class BackfillEnded(LandfallError):
    """A backfill that is done or cancelled cannot be paused or resumed."""

    code = "LF3216"

    def __init__(self, backfill_id: str, state: BackfillState) -> None:
        super().__init__(f"Backfill {backfill_id} is {state}; ask for a new one with `landfall backfill`.")


@dataclass(frozen=True, slots=True)
class ChunkSummary:
    """One chunk: ``run_id`` is the newest run that took it in."""

    number: int
    state: ChunkState
    files: int
    run_id: str | None
    reason: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backfill(BackfillStanding):
    """A backfill with its chunks."""

    chunks: tuple[ChunkSummary, ...]


@dataclass(frozen=True, slots=True)
class BackfillChanged:
    """A backfill after an act.

    Attributes:
        start: The product if its coordinator has to be started.
        cancelled: The run of a chunk, whose jobs have to end.
    """

    backfill: Backfill
    start: Product | None = None
    cancelled: CancelledRun | None = None


def get_backfill(connection: sa.Connection, text: str) -> Backfill:
    """Return the backfill whose id is, or begins with, ``text``.

    Raises:
        UnknownBackfill: None fits, or several do.
    """
    return _backfill(connection, _row(connection, text))


def pause_backfill(connection: sa.Connection, text: str, *, actor: str, now: datetime) -> BackfillChanged:
    """Let a backfill begin no further chunk; one that is paused stays so.

    Raises:
        UnknownBackfill: There is none.
        BackfillEnded: It has ended.
    """
    row = _locked(connection, text, now)
    if row.State == BackfillState.RUNNING:
        _set(connection, row, BackfillState.PAUSED, f"paused by {actor}")
        _withdraw(connection, row, "the backfill was paused")
        _record(connection, Act.PAUSE, row, actor, now)
    return BackfillChanged(get_backfill(connection, row.BackfillID))


def resume_backfill(connection: sa.Connection, text: str, *, actor: str, now: datetime) -> BackfillChanged:
    """Let a paused backfill go on; chunks that did not succeed are tried again.

    Raises:
        UnknownBackfill: There is none.
        BackfillEnded: It has ended.
    """
    row = _locked(connection, text, now)
    start = False
    if row.State == BackfillState.PAUSED:
        _set(connection, row, BackfillState.RUNNING, None)
        _change_chunks(connection, row, (ChunkState.FAILED, ChunkState.CANCELLED), ChunkState.WAITING)
        _record(connection, Act.RESUME, row, actor, now)
        if not _running_chunk(connection, row):
            start = request_next_chunk(connection, BackfillID(row.BackfillID), actor=actor, now=now)
    product = get_current_product(connection, f"{row.Domain}/{row.Name}").product
    return BackfillChanged(get_backfill(connection, row.BackfillID), start=product if start else None)


def cancel_backfill(connection: sa.Connection, text: str, *, actor: str, now: datetime) -> BackfillChanged:
    """End a backfill, and the run of the chunk that is at work; one that has ended stays as it is.

    Raises:
        UnknownBackfill: There is none.
    """
    row = _row(connection, text)
    lock_lease(connection, row.DataProductID, now)
    row = _row(connection, text)
    if row.State in {BackfillState.DONE, BackfillState.CANCELLED}:
        return BackfillChanged(get_backfill(connection, row.BackfillID))
    _set(connection, row, BackfillState.CANCELLED, f"cancelled by {actor}", finished_at=now)
    _withdraw(connection, row, "the backfill was cancelled")
    _change_chunks(connection, row, (ChunkState.WAITING, ChunkState.FAILED), ChunkState.CANCELLED)
    _record(connection, Act.CANCEL, row, actor, now)
    run_id = _running_chunk(connection, row)
    cancelled = cancel_run(connection, RunID(run_id), actor=actor, now=now) if run_id else None
    return BackfillChanged(get_backfill(connection, row.BackfillID), cancelled=cancelled)


def _row(connection: sa.Connection, text: str) -> sa.Row[Any]:
    found = connection.execute(
        backfill_rows().where(backfills.c.BackfillID.startswith(text, autoescape=True)).limit(2)
    ).all()
    exact = [row for row in found if row.BackfillID == text]
    if exact or len(found) == 1:
        return (exact or found)[0]
    raise UnknownBackfill(text)


def _locked(connection: sa.Connection, text: str, now: datetime) -> sa.Row[Any]:
    """Return a backfill that has not ended, under the lease of its product."""
    lock_lease(connection, _row(connection, text).DataProductID, now)
    row = _row(connection, text)
    if row.State in {BackfillState.DONE, BackfillState.CANCELLED}:
        raise BackfillEnded(row.BackfillID, BackfillState(row.State))
    return row


def _set(
    connection: sa.Connection,
    row: sa.Row[Any],
    state: BackfillState,
    reason: str | None,
    *,
    finished_at: datetime | None = None,
) -> None:
    connection.execute(
        sa.update(backfills)
        .where(backfills.c.BackfillID == row.BackfillID)
        .values(State=state, Reason=reason, FinishedAt=finished_at)
    )


def _change_chunks(
    connection: sa.Connection, row: sa.Row[Any], before: tuple[ChunkState, ...], after: ChunkState
) -> None:
    connection.execute(
        sa.update(backfill_chunks)
        .where(backfill_chunks.c.BackfillID == row.BackfillID, backfill_chunks.c.State.in_(before))
        .values(State=after)
    )


def _withdraw(connection: sa.Connection, row: sa.Row[Any], reason: str) -> None:
    """Take back the request for a chunk that no run has taken up."""
    waiting = connection.execute(
        sa.select(run_requests).where(
            run_requests.c.DataProductID == row.DataProductID,
            run_requests.c.State == RequestState.PENDING,
            run_requests.c.Trigger == Trigger.BACKFILL,
        )
    ).all()
    for request in waiting:
        if request.Parameters["backfill"] == row.BackfillID:
            connection.execute(
                sa.update(run_requests)
                .where(run_requests.c.RequestID == request.RequestID)
                .values(State=RequestState.DONE, Reason=reason)
            )


def _running_chunk(connection: sa.Connection, row: sa.Row[Any]) -> str | None:
    """Return the run that takes a chunk in at this moment."""
    run_id: str | None = connection.execute(
        sa.select(backfill_chunks.c.RunID).where(
            backfill_chunks.c.BackfillID == row.BackfillID, backfill_chunks.c.State == ChunkState.RUNNING
        )
    ).scalar_one_or_none()
    return run_id


def _record(connection: sa.Connection, act: Act, row: sa.Row[Any], actor: str, now: datetime) -> None:
    record_product_act(
        connection, act, row.DataProductID, actor=actor, now=now, detail=f"backfill {row.BackfillID}"
    )


def _backfill(connection: sa.Connection, row: sa.Row[Any]) -> Backfill:
    chunks = tuple(
        ChunkSummary(
            chunk.ChunkNumber,
            ChunkState(chunk.State),
            chunk.FileCount,
            chunk.RunID,
            chunk.Reason,
            chunk.FinishedAt,
        )
        for chunk in connection.execute(
            sa.select(backfill_chunks)
            .where(backfill_chunks.c.BackfillID == row.BackfillID)
            .order_by(backfill_chunks.c.ChunkNumber)
        )
    )
    done = sum(chunk.files for chunk in chunks if chunk.state is ChunkState.DONE)
    return Backfill(**standing(row, done), chunks=chunks)
