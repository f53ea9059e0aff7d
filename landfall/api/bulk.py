"""Acts on many runs over HTTP: cancel or rerun all that meet a filter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from landfall.api.bodies import CancelRuns, RerunRuns
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid
from landfall.instants import read_since
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.bulk import (
    BulkActed,
    RunChoice,
    cancel_runs,
    rerun_runs,
)
from landfall.runs.ids import RunID


def request_cancels(
    database: Database,
    body: bytes | Mapping[str, Any],
    *,
    scope: Scope = EVERYTHING,
    actor: str,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/runs/cancel``.

    Args:
        body: Of a ``CancelRuns``.
    """
    wanted, faults = read_body(CancelRuns, body)
    if wanted is None:
        return invalid(faults)
    dry_run = wanted.dry_run
    acted = cancel_runs(database, _choice(wanted, scope, now), actor=actor, now=now, dry_run=dry_run)
    return _answer(acted, dry_run=dry_run)


def request_reruns(
    database: Database,
    body: bytes | Mapping[str, Any],
    *,
    scope: Scope = EVERYTHING,
    actor: str,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/runs/rerun``.

    Args:
        body: Of a ``RerunRuns``.
    """
    wanted, faults = read_body(RerunRuns, body)
    if wanted is None:
        return invalid(faults)
    dry_run = wanted.dry_run
    acted = rerun_runs(
        database,
        _choice(wanted, scope, now),
        from_failed=wanted.from_failed,
        newest=wanted.newest,
        on_failure=wanted.on_failure,
        actor=actor,
        now=now,
        dry_run=dry_run,
    )
    return _answer(acted, dry_run=dry_run)


def _choice(wanted: CancelRuns | RerunRuns, scope: Scope, now: datetime) -> RunChoice:
    return RunChoice(
        product=wanted.product,
        state=wanted.state,
        since=read_since(wanted.since, now),
        after=RunID(wanted.after) if wanted.after else None,
        scope=scope,
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
