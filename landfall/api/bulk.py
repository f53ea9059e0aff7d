"""Acts on many runs over HTTP: cancel or rerun all that meet a filter."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from landfall.api.body import FLAG, ON_FAILURE, SINCE, TEXT, BodyField, read_body, read_on_failure, read_since
from landfall.api.reply import Acted, Reply, invalid, problem_of
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.bulk import (
    CANCELLABLE,
    RERUNNABLE,
    BulkActed,
    RunChoice,
    cancel_runs,
    rerun_runs,
)
from landfall.runs.ids import RunID
from landfall.runs.states import RunState


def request_cancels(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/runs/cancel``.

    Args:
        body: JSON: one or more of ``product`` (``domain/name``), ``state``, ``since`` (instant or age), or ``all``
            (true); ``after`` (the ``following`` of a former answer), ``dry_run`` (true or false).
    """
    fields, faults = _read(body, CANCELLABLE, {})
    if faults:
        return invalid(faults)
    dry_run = fields.get("dry_run", False)
    try:
        acted = cancel_runs(database, _choice(fields, now), actor=actor, now=now, dry_run=dry_run)
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    return _answer(acted, dry_run=dry_run)


def request_reruns(database: Database, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/runs/rerun``.

    Args:
        body: As for ``request_cancels``, with ``from_failed``, ``newest`` and ``on_failure`` as in a rerun of one run.
    """
    more = {"from_failed": FLAG, "newest": FLAG, "on_failure": ON_FAILURE}
    fields, faults = _read(body, RERUNNABLE, more)
    if faults:
        return invalid(faults)
    dry_run = fields.get("dry_run", False)
    try:
        acted = rerun_runs(
            database,
            _choice(fields, now),
            from_failed=fields.get("from_failed", False),
            newest=fields.get("newest", False),
            on_failure=read_on_failure(fields),
            actor=actor,
            now=now,
            dry_run=dry_run,
        )
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    return _answer(acted, dry_run=dry_run)


def _read(
    body: bytes, states: Collection[RunState], more: dict[str, BodyField]
) -> tuple[dict[str, Any], list[str]]:
    known = {
        "product": TEXT,
        "state": BodyField(f"one of {', '.join(sorted(states))}", lambda v: v in states),
        "since": SINCE,
        "all": FLAG,
        "after": TEXT,
        "dry_run": FLAG,
        **more,
    }
    fields, faults = read_body(body, known)
    if not faults and not any(fields.get(key) for key in ("product", "state", "since", "all")):
        faults = ["Say which runs: 'product', 'state' or 'since', or 'all': true."]
    return fields, faults


def _choice(fields: dict[str, Any], now: datetime) -> RunChoice:
    return RunChoice(
        product=fields.get("product"),
        state=RunState(fields["state"]) if "state" in fields else None,
        since=read_since(fields.get("since"), now),
        after=RunID(fields["after"]) if "after" in fields else None,
    )


def _answer(acted: BulkActed, *, dry_run: bool) -> Acted:
    body = {
        "dry_run": dry_run,
        "runs": [
            {
                "run_id": run.run_id,
                "product": run.product,
                "state": run.state,
                "outcome": run.outcome,
                "reason": run.reason,
                "request_id": run.request_id,
            }
            for run in acted.runs
        ],
        "following": acted.following,
    }
    return Acted(Reply(200, body), start=acted.start, cancelled=acted.cancelled)
