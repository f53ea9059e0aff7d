"""Who is told how a request ended: an outbox in SQL, so that no crash loses a callback or tells it for ever."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType
from urllib.parse import urlsplit

import sqlalchemy as sa

from landfall.metadata.tables import callbacks, run_requests
from landfall.runs.backoff import retry_delay
from landfall.runs.ids import RequestID
from landfall.runs.requests import (
    Requested,
    RequestState,
    RequestStatus,
    RunRequest,
    request_run,
    request_status,
)

CallbackID = NewType("CallbackID", int)

# An attempt that has not reported back by then has died; whoever looks next makes another one.
_ATTEMPT = timedelta(minutes=2)
# With five minutes between the later ones, about a day, the longest that Data Factory waits for a callback.
_MOST_ATTEMPTS = 300
_MOST_AT_ONCE = 100


class CallbackState(StrEnum):
    """An address is told until it acknowledges, refuses for good, or a day has passed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it may be shown: without its address, which is a secret."""

    host: str
    state: CallbackState
    attempts: int
    last_status: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class CallbackAttempt:
    """One attempt to tell how a request ended.

    Attributes:
        number: Counted from 1.
    """

    callback_id: CallbackID
    number: int
    uri: str
    result: RequestStatus


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What an address answered.

    Attributes:
        status: HTTP status; ``None`` if none came.
        detail: Why none came, without the address.
        may_succeed_later: Whether another attempt makes sense.
    """

    status: int | None
    detail: str | None = None
    may_succeed_later: bool = True

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def request_with_callback(
    connection: sa.Connection,
    request: RunRequest,
    uri: str | None,
    *,
    request_id: RequestID,
    now: datetime,
) -> tuple[Requested, tuple[CallbackID, ...]]:
    """Ask for a run and note who is told how it ends; return the request, and the callback if it is due at once.

    It is where the request is one of before, sent again after its run has ended.

    Raises:
        UnknownProduct, UnknownDataset, IdempotencyKeyReused: As for ``request_run``.
    """
    requested = request_run(connection, request, request_id=request_id, now=now)
    if uri is None:
        return requested, ()
    callback_id = register_callback(connection, requested.request_id, uri, now=now)
    return requested, tuple(due for due in due_callbacks(connection, now=now) if due == callback_id)


def register_callback(
    connection: sa.Connection, request_id: RequestID, uri: str, *, now: datetime
) -> CallbackID:
    """Note who is to be told how a request ends; the same address for the same request is told once."""
    uri_hash = hashlib.sha256(uri.encode()).hexdigest()
    mine = sa.select(callbacks.c.CallbackID).where(
        callbacks.c.RequestID == request_id, callbacks.c.UriHash == uri_hash
    )
    known = connection.execute(mine).scalar_one_or_none()
    if known is not None:
        return CallbackID(known)
    connection.execute(
        sa.insert(callbacks).values(
            RequestID=request_id,
            Uri=uri,
            UriHash=uri_hash,
            Host=(urlsplit(uri).hostname or "")[:256],
            State=CallbackState.PENDING,
            NextAttemptAt=now,
            CreatedAt=now,
        )
    )
    return CallbackID(connection.execute(mine).scalar_one())


def due_callbacks(connection: sa.Connection, *, now: datetime) -> tuple[CallbackID, ...]:
    """Return callbacks whose request has ended and whose next attempt is due, the oldest first."""
    rows: Iterable[int] = connection.execute(
        sa.select(callbacks.c.CallbackID)
        .select_from(callbacks.join(run_requests, run_requests.c.RequestID == callbacks.c.RequestID))
        .where(
            callbacks.c.State == CallbackState.PENDING,
            callbacks.c.NextAttemptAt <= now,
            run_requests.c.State == RequestState.DONE,
        )
        .order_by(callbacks.c.NextAttemptAt, callbacks.c.CallbackID)
        .limit(_MOST_AT_ONCE)
    ).scalars()
    return tuple(CallbackID(row) for row in rows)


def begin_attempt(
    connection: sa.Connection, callback_id: CallbackID, *, now: datetime
) -> CallbackAttempt | None:
    """Take the next attempt of a callback, or return ``None`` if it is over or somebody else is at it."""
    row = connection.execute(sa.select(callbacks).where(callbacks.c.CallbackID == callback_id)).one_or_none()
    if row is None or row.State != CallbackState.PENDING or row.NextAttemptAt > now:
        return None
    result = request_status(connection, row.RequestID)
    if not result.ended:
        return None
    taken = connection.execute(
        sa.update(callbacks)
        .where(
            callbacks.c.CallbackID == callback_id,
            callbacks.c.State == CallbackState.PENDING,
            callbacks.c.Attempts == row.Attempts,
            callbacks.c.NextAttemptAt <= now,
        )
        .values(Attempts=row.Attempts + 1, NextAttemptAt=now + _ATTEMPT)
    ).rowcount
    if not taken:
        return None
    return CallbackAttempt(callback_id, row.Attempts + 1, row.Uri, result)


def end_attempt(
    connection: sa.Connection, attempt: CallbackAttempt, answer: CallbackAnswer, *, now: datetime
) -> None:
    """Write what an attempt came to; the address is forgotten once nobody needs it any more."""
    state, detail = _judge(attempt, answer)
    values: dict[str, Any] = {"State": state, "LastStatus": answer.status, "Detail": detail}
    if state is CallbackState.PENDING:
        delay = retry_delay(f"callback-{attempt.callback_id}", attempt.number)
        values["NextAttemptAt"] = now + delay
    else:
        values |= {"Uri": None, "FinishedAt": now}
    connection.execute(
        sa.update(callbacks)
        .where(
            callbacks.c.CallbackID == attempt.callback_id,
            callbacks.c.State == CallbackState.PENDING,
            callbacks.c.Attempts == attempt.number,
        )
        .values(values)
    )


def next_attempt_at(connection: sa.Connection, callback_id: CallbackID) -> datetime | None:
    """Return when a callback is to be looked at again, ``None`` if it is over."""
    due: datetime | None = connection.execute(
        sa.select(callbacks.c.NextAttemptAt).where(
            callbacks.c.CallbackID == callback_id, callbacks.c.State == CallbackState.PENDING
        )
    ).scalar_one_or_none()
    return due


def list_callbacks(connection: sa.Connection, request_id: str) -> tuple[Callback, ...]:
    """Return who is told about a request, in the order in which they asked for it."""
    rows = connection.execute(
        sa.select(callbacks).where(callbacks.c.RequestID == request_id).order_by(callbacks.c.CallbackID)
    )
    return tuple(
        Callback(row.Host, CallbackState(row.State), row.Attempts, row.LastStatus, row.Detail) for row in rows
    )


def _judge(attempt: CallbackAttempt, answer: CallbackAnswer) -> tuple[CallbackState, str | None]:
    if answer.acknowledged:
        return CallbackState.DELIVERED, None
    said = answer.detail or f"it answered {answer.status}"
    if not answer.may_succeed_later:
        if attempt.number > 1:
            said += "; an earlier attempt whose answer was lost may have been taken"
        return CallbackState.REFUSED, said
    if attempt.number >= _MOST_ATTEMPTS:
        return CallbackState.EXPIRED, f"{said}, the last of {attempt.number} times"
    return CallbackState.PENDING, said
