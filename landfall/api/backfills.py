"""Backfills over HTTP: ask for one, see how far it is, pause, resume and cancel it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from landfall.api.bodies import StartBackfill
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid, problem
from landfall.metadata.engine import Database
from landfall.metadata.paging import PAGE_ROWS
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.backfill_acts import (
    Backfill,
    BackfillChanged,
    ChunkSummary,
    cancel_backfill,
    get_backfill,
    pause_backfill,
    resume_backfill,
)
from landfall.runs.backfill_list import BackfillSummary, list_backfills
from landfall.runs.backfills import (
    BackfillID,
    BackfillState,
    Selection,
    request_backfill,
)
from landfall.runs.ids import RequestID

_CHANGES: dict[str, Callable[..., BackfillChanged]] = {
    "pause": pause_backfill,
    "resume": resume_backfill,
    "cancel": cancel_backfill,
}


def start_backfill(
    database: Database,
    product: str,
    body: bytes | Mapping[str, Any],
    *,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/backfills``.

    Args:
        body: Of a ``StartBackfill``.
    """
    wanted, faults = read_body(StartBackfill, body)
    if wanted is None:
        return invalid(faults)
    dry_run = wanted.dry_run
    selection = Selection(*wanted.bounds, tuple(wanted.datasets))
    asked = database.transact(
        lambda connection: request_backfill(
            connection,
            product,
            selection,
            chunk_files=wanted.chunk_files,
            backfill_id=BackfillID(request_id),
            actor=actor,
            now=now,
            idempotency_key=wanted.idempotency_key,
            dry_run=dry_run,
        )
    )
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
    changed = database.transact(lambda connection: change(connection, backfill_id, actor=actor, now=now))
    return Acted(
        Reply(200, backfill_object(changed.backfill)),
        start=(changed.start,) if changed.start else (),
        cancelled=(changed.cancelled,) if changed.cancelled else (),
    )


def show_backfills(
    database: Database,
    product: str | None,
    *,
    state: BackfillState | None = None,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Reply:
    """Answer ``GET /api/backfills``."""
    found = database.read(
        lambda connection: list_backfills(
            connection, product=product, state=state, scope=scope, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"backfills": [asdict(item) for item in found.items], "following": found.following})


def show_backfill(database: Database, backfill_id: str) -> Reply:
    """Answer ``GET /api/backfills/{id}``."""
    found = database.read(lambda connection: get_backfill(connection, backfill_id))
    return Reply(200, backfill_object(found))


def backfill_object(backfill: Backfill) -> dict[str, Any]:
    """Return a backfill as the API shows it."""
    chunks = [asdict(chunk) | _instants(chunk) for chunk in backfill.chunks]
    return {**asdict(backfill), **_instants(backfill), "chunks": chunks}


def _instants(item: Backfill | BackfillSummary | ChunkSummary) -> dict[str, str]:
    return {key: value.isoformat() for key, value in asdict(item).items() if isinstance(value, datetime)}
