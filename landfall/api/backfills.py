"""Backfills over HTTP: ask for one, see how far it is, pause, resume and cancel it."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from landfall.api.body import FLAG, NAMES, TEXT, BodyField, read_body, read_instant
from landfall.api.reply import Acted, Reply, invalid, problem, problem_of
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.backfill_acts import (
    Backfill,
    BackfillChanged,
    BackfillEnded,
    ChunkSummary,
    UnknownBackfill,
    cancel_backfill,
    get_backfill,
    pause_backfill,
    resume_backfill,
)
from landfall.runs.backfill_list import BackfillSummary, list_backfills
from landfall.runs.backfills import (
    CHUNK_FILES,
    MOST_CHUNK_FILES,
    BackfillID,
    NothingToBackfill,
    Selection,
    request_backfill,
)
from landfall.runs.ids import RequestID
from landfall.runs.requests import UnknownDataset

_BOUND = BodyField(
    "a file's id, or a date or instant such as 2026-01-31", lambda v: read_bound(v) is not None
)
_FIELDS = {
    "from": _BOUND,
    "to": _BOUND,
    "datasets": NAMES,
    "chunk_files": BodyField(
        f"a number from 1 to {MOST_CHUNK_FILES}", lambda v: type(v) is int and 1 <= v <= MOST_CHUNK_FILES
    ),
    "dry_run": FLAG,
    "idempotency_key": TEXT,
}
_CHANGES: dict[str, Callable[..., BackfillChanged]] = {
    "pause": pause_backfill,
    "resume": resume_backfill,
    "cancel": cancel_backfill,
}


def read_bound(value: Any) -> int | datetime | None:
    """Return a file's id or an instant, UTC where no zone is named; ``None`` for what is neither."""
    if type(value) is int:
        return value if value > 0 else None
    if not isinstance(value, str):
        return None
    if value.isdecimal() and len(value) < 8:
        return int(value)
    return read_instant(value)


def start_backfill(
    database: Database, product: str, body: bytes, *, actor: str, request_id: RequestID, now: datetime
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/backfills``.

    Args:
        body: JSON: ``from`` and ``to`` (two file ids, both included; or two instants, of landing, the second
            excluded), ``datasets`` (names), ``chunk_files`` (number), ``dry_run`` (true or false),
            ``idempotency_key`` (text).
    """
    fields, faults = read_body(body, _FIELDS)
    faults += [f"{key!r} is missing." for key in ("from", "to") if key not in fields]
    first, last = read_bound(fields.get("from")), read_bound(fields.get("to"))
    if first is not None and last is not None:
        if type(first) is not type(last):
            faults.append("'from' and 'to' must both be file ids, or both instants.")
        elif first > last:  # type: ignore[operator]  # of one type, as just seen
            faults.append("'from' lies behind 'to'.")
    if faults or first is None or last is None:
        return invalid(faults)
    selection = Selection(first, last, tuple(fields.get("datasets", ())))
    try:
        asked = database.transact(
            lambda connection: request_backfill(
                connection,
                product,
                selection,
                chunk_files=fields.get("chunk_files", CHUNK_FILES),
                backfill_id=BackfillID(request_id),
                actor=actor,
                now=now,
                idempotency_key=fields.get("idempotency_key"),
                dry_run=fields.get("dry_run", False),
            )
        )
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    except UnknownDataset as error:
        return Acted(problem_of(error, status=400))
    except NothingToBackfill as error:
        return Acted(problem_of(error))
    dry_run = fields.get("dry_run", False)
    shown = {
        "backfill_id": None if dry_run else asked.backfill_id,
        "product": product,
        "files": asked.files,
        "chunks": asked.chunks,
        "left": [{"file_id": file_id, "reason": reason} for file_id, reason in asked.left.items()],
    }
    return Acted(Reply(200 if dry_run else 202, shown), start=(asked.start,) if asked.start else ())


def change_backfill(database: Database, backfill_id: str, act: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/backfills/{id}/pause``, ``…/resume`` and ``…/cancel``; repeating one changes nothing."""
    change = _CHANGES.get(act)
    if change is None:
        known = ", ".join(_CHANGES)
        return Acted(
            problem(404, "LF6113", "UnknownAct", f"A backfill takes {known}; {act!r} is none of them.")
        )
    try:
        changed = database.transact(lambda connection: change(connection, backfill_id, actor=actor, now=now))
    except UnknownBackfill as error:
        return Acted(problem_of(error, status=404))
    except BackfillEnded as error:
        return Acted(problem_of(error))
    return Acted(
        Reply(200, backfill_object(changed.backfill)),
        start=(changed.start,) if changed.start else (),
        cancelled=(changed.cancelled,) if changed.cancelled else (),
    )


def show_backfills(database: Database, product: str | None) -> Reply:
    """Answer ``GET /api/backfills``."""
    found = database.read(lambda connection: list_backfills(connection, product=product))
    return Reply(200, {"backfills": [asdict(item) | _instants(item) for item in found.items]})


def show_backfill(database: Database, backfill_id: str) -> Reply:
    """Answer ``GET /api/backfills/{id}``."""
    try:
        found = database.read(lambda connection: get_backfill(connection, backfill_id))
    except UnknownBackfill as error:
        return problem_of(error, status=404)
    return Reply(200, backfill_object(found))


def backfill_object(backfill: Backfill) -> dict[str, Any]:
    """Return a backfill as the API shows it."""
    chunks = [asdict(chunk) | _instants(chunk) for chunk in backfill.chunks]
    return {**asdict(backfill), **_instants(backfill), "chunks": chunks}


def _instants(item: Backfill | BackfillSummary | ChunkSummary) -> dict[str, str]:
    return {key: value.isoformat() for key, value in asdict(item).items() if isinstance(value, datetime)}
