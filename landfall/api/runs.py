"""Runs over HTTP: start one, see how it stands, cancel it, run it again."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.api.body import FLAG, TEXT, BodyField, read_body
from landfall.api.products import pause_object
from landfall.api.reply import Reply, problem, problem_of
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.closing import RunEnded, UnknownRun, WorkingNode, cancel_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.pausing import find_pauses
from landfall.runs.queries import RunDetail, RunSummary, get_run, list_runs
from landfall.runs.requests import (
    Requested,
    RequestStatus,
    RunRequest,
    Trigger,
    UnknownDataset,
    UnknownRequest,
    request_run,
    request_status,
)
from landfall.runs.rerunning import (
    NothingFailed,
    Rerun,
    RunGoesOn,
    TakenInAlready,
    UnknownNode,
    request_rerun,
)
from landfall.runs.states import RunState
from landfall.spec.model import Product

_PRODUCT = re.compile(r"[a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}")
_START_FIELDS = {
    "datasets": BodyField(
        "a list of dataset names", lambda v: isinstance(v, list) and all(isinstance(i, str) for i in v)
    ),
    "full": FLAG,
    "parameters": BodyField("an object", lambda v: isinstance(v, dict)),
    "idempotency_key": TEXT,
}
_RERUN_FIELDS = {"from_failed": FLAG, "node": TEXT, "only": FLAG, "newest": FLAG, "idempotency_key": TEXT}
_RETRY_AFTER_S = "2"


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to a start, and the product whose coordinator has to be started, if any."""

    reply: Reply
    start: Product | None = None


def start_run(
    database: Database, product: str, body: bytes, *, actor: str, request_id: RequestID, now: datetime
) -> Started:
    """Answer ``POST /api/products/{domain}/{product}/runs``.

    The answer is 202 with a ``Location`` that answers 202 until the run has ended, so that a caller such as
    Data Factory can simply wait.

    Args:
        body: Empty, or JSON: ``datasets`` (names), ``full`` (true or false), ``parameters`` (object),
            ``idempotency_key`` (text).
    """
    if not _PRODUCT.fullmatch(product):
        return Started(problem(404, "LF6102", "UnknownProduct", f"{product!r} is not the name of a product."))
    fields, faults = read_body(body, _START_FIELDS)
    if faults:
        return Started(problem(400, "LF6101", "InvalidBody", " ".join(faults), faults=faults))
    request = RunRequest(
        product=product,
        trigger=Trigger.HTTP,
        requested_by=actor,
        datasets=tuple(fields.get("datasets", ())),
        full=fields.get("full", False),
        parameters=fields.get("parameters"),
        idempotency_key=fields.get("idempotency_key"),
    )
    try:
        requested: Requested = database.transact(
            lambda connection: request_run(connection, request, request_id=request_id, now=now)
        )
    except UnknownProduct as error:
        return Started(problem_of(error, status=404))
    except UnknownDataset as error:
        return Started(problem_of(error, status=400))
    return _accepted(requested)


def start_rerun(
    database: Database, run_id: str, body: bytes, *, actor: str, request_id: RequestID, now: datetime
) -> Started:
    """Answer ``POST /api/runs/{id}/rerun``: 202 as for a start.

    Args:
        body: Empty, or JSON: ``from_failed`` (true or false) or ``node`` (a key) with ``only`` (true or false);
            ``newest`` (true or false); ``idempotency_key`` (text).
    """
    fields, faults = read_body(body, _RERUN_FIELDS)
    if fields.get("from_failed") and fields.get("node"):
        faults.append("'from_failed' and 'node' exclude each other.")
    if fields.get("only") and not fields.get("node"):
        faults.append("'only' goes with 'node'.")
    if faults:
        return Started(problem(400, "LF6101", "InvalidBody", " ".join(faults), faults=faults))
    rerun = Rerun(
        run_id=RunID(run_id),
        from_failed=fields.get("from_failed", False),
        node=NodeKey(fields["node"]) if "node" in fields else None,
        only=fields.get("only", False),
        newest=fields.get("newest", False),
    )
    try:
        requested: Requested = database.transact(
            lambda connection: request_rerun(
                connection,
                rerun,
                request_id=request_id,
                actor=actor,
                now=now,
                idempotency_key=fields.get("idempotency_key"),
            )
        )
    except UnknownRun as error:
        return Started(problem_of(error, status=404))
    except UnknownNode as error:
        return Started(problem_of(error, status=400))
    except (RunGoesOn, NothingFailed, TakenInAlready) as error:
        return Started(problem_of(error))
    return _accepted(requested)


def _accepted(requested: Requested) -> Started:
    location = f"/api/requests/{requested.request_id}"
    reply = Reply(
        202,
        {
            "request_id": requested.request_id,
            "product": requested.product.key,
            "status_uri": location,
            "product_paused": requested.waits,
        },
        {"Location": location, "Retry-After": _RETRY_AFTER_S},
    )
    return Started(reply, requested.product if requested.start_coordinator else None)


def show_request(database: Database, request_id: str) -> Reply:
    """Answer ``GET /api/requests/{id}``: 202 until the run has ended, then 200, or 409 if it did not succeed."""
    try:
        status = database.read(lambda connection: request_status(connection, request_id))
    except UnknownRequest as error:
        return problem_of(error, status=404)
    body = {
        "request_id": status.request_id,
        "run_id": status.run_id,
        "state": status.run_state or ("done" if status.ended else "pending"),
        "reason": status.reason,
    }
    if not status.ended:
        return Reply(202, body, {"Location": f"/api/requests/{request_id}", "Retry-After": _RETRY_AFTER_S})
    if status.run_state in {RunState.FAILED, RunState.CANCELLED}:
        # Anything below 400 would let a waiting pipeline go on as if its data were there.
        return problem(409, "LF6103", "RunDidNotSucceed", _why(status), **body)
    return Reply(200, body)


def show_runs(database: Database, product: str | None) -> Reply:
    """Answer ``GET /api/runs``."""
    summaries = database.read(lambda connection: list_runs(connection, product=product))
    pauses = database.read(find_pauses)
    return Reply(
        200,
        {
            "runs": [_summary(item) for item in summaries],
            "paused": [pause_object(key, pause) for key, pause in pauses.items() if product in (None, key)],
        },
    )


def show_run(database: Database, run_id: str) -> Reply:
    """Answer ``GET /api/runs/{id}``."""
    return _with_run(database, run_id, lambda detail: _summary(detail.run))


def show_nodes(database: Database, run_id: str) -> Reply:
    """Answer ``GET /api/runs/{id}/nodes``."""
    return _with_run(database, run_id, _nodes)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The answer to a cancel, and the nodes at work, whose jobs have to be cancelled."""

    reply: Reply
    at_work: tuple[WorkingNode, ...] = ()


def request_cancel(database: Database, run_id: str, *, actor: str, now: datetime) -> Cancelled:
    """Answer ``POST /api/runs/{id}/cancel``."""
    try:
        at_work = database.transact(
            lambda connection: cancel_run(connection, RunID(run_id), actor=actor, now=now)
        )
    except UnknownRun as error:
        return Cancelled(problem_of(error, status=404))
    except RunEnded as error:
        return Cancelled(problem_of(error))
    return Cancelled(Reply(202, {"run_id": run_id, "at_work": [node.key for node in at_work]}), at_work)


def _why(status: RequestStatus) -> str:
    return f"Run {status.run_id} ended as {status.run_state}. `landfall runs show {status.run_id}` says why."


def _with_run(database: Database, run_id: str, show: Any) -> Reply:
    try:
        detail: RunDetail = database.read(lambda connection: get_run(connection, RunID(run_id)))
    except UnknownRun as error:
        return problem_of(error, status=404)
    return Reply(200, show(detail))


def _summary(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "product": run.product,
        "trigger": run.trigger,
        "state": run.state,
        "reason": run.reason,
        "nodes": run.nodes,
        "open_nodes": run.open_nodes,
        "metadata_version": run.metadata_version,
        "created_at": _text(run.created_at),
        "started_at": _text(run.started_at),
        "finished_at": _text(run.finished_at),
        "rerun_of": run.rerun_of,
    }


def _nodes(detail: RunDetail) -> dict[str, Any]:
    return {
        "run_id": detail.run.run_id,
        "nodes": [
            {
                "key": node.key,
                "kind": node.kind,
                "state": node.state,
                "attempt": node.attempt,
                "dataset": node.output,
                "layer": node.layer,
                "started_at": _text(node.started_at),
                "finished_at": _text(node.finished_at),
                "job_run_id": node.job_run_id,
                "error_code": node.error_code,
                "reason": node.reason,
                "rows_read": node.rows_read,
                "rows_published": node.rows_published,
                "rows_quarantined": node.rows_quarantined,
            }
            for node in detail.nodes
        ],
        "left_out": dict(detail.left_out),
    }


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
