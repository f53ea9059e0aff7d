"""Runs over HTTP: start one, see how it stands, cancel it, run it again."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from landfall.api.bodies import ReplayRun, RerunRun, StartRun
from landfall.api.body import read_body, read_object
from landfall.api.reply import Acted, Reply, invalid, problem
from landfall.calling_back import CallbackPolicy
from landfall.metadata.catalog import get_current_product
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.callbacks import list_callbacks, request_with_callback
from landfall.runs.closing import cancel_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.replaying import request_replay
from landfall.runs.requests import (
    Requested,
    RunRequest,
    UnknownDataset,
    request_status,
)
from landfall.runs.rerunning import (
    Rerun,
    request_rerun,
)

_PRODUCT = re.compile(r"[a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}")
_RETRY_AFTER_S = "2"


def start_run(
    database: Database,
    product: str,
    body: bytes | Mapping[str, Any],
    *,
    policy: CallbackPolicy,
    at: str,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/runs``.

    The answer is 202 with a ``Location`` that answers 202 until the run has ended, so that a caller such as
    Data Factory can simply wait.

    Args:
        body: Of a ``StartRun``.
        policy: Which addresses may be called back.
        at: The URL that was called; ``Location`` is a whole one beside it.
    """
    if not _PRODUCT.fullmatch(product):
        return Acted(problem(404, "LF6102", "UnknownProduct", f"{product!r} is not the name of a product."))
    wanted, faults = read_body(StartRun, body)
    # What names something is looked up even where other fields are wrong: all faults at once.
    fields, _ = read_object(body)
    callback_uri, fault = _callback_uri(fields, policy)
    faults += [fault] if fault else []
    faults += _unknown_datasets(database, product, fields.get("datasets"))
    if wanted is None or faults:
        return invalid(faults)
    request = RunRequest(
        product=product,
        trigger=wanted.trigger,
        requested_by=actor,
        datasets=tuple(wanted.datasets),
        full=wanted.full,
        on_failure=wanted.on_failure,
        parameters=wanted.parameters,
        idempotency_key=wanted.idempotency_key,
        # A pipeline adds a text for each copy, an empty one where nothing was new.
        files=tuple(path for path in wanted.files if path),
    )

    requested, due = database.transact(
        lambda connection: request_with_callback(
            connection, request, callback_uri, request_id=request_id, now=now
        )
    )
    return replace(accepted(requested, at), notify=due)


def _callback_uri(fields: dict[str, Any], policy: CallbackPolicy) -> tuple[str | None, str | None]:
    """Return the address to call back, and what is wrong with it."""
    given = {fields[key] for key in ("callback_uri", "callBackUri") if isinstance(fields.get(key), str)}
    if len(given) > 1:
        return None, "'callback_uri' and 'callBackUri' differ."
    uri = given.pop() if given else None
    reason = policy.refuse(uri) if uri is not None else None
    return uri, f"The callback address is refused: {reason}." if reason else None


def _unknown_datasets(database: Database, product: str, names: Any) -> list[str]:
    """Return what is wrong with the datasets of a body whose other fields may be wrong too."""
    current = database.read(lambda connection: get_current_product(connection, product))
    if not isinstance(names, list):
        return []
    known = [str(dataset.name) for dataset in current.product.datasets]
    unknown = sorted({name for name in names if isinstance(name, str)} - set(known))
    return [str(UnknownDataset(product, unknown, known))] if unknown else []


def start_rerun(
    database: Database,
    run_id: str,
    body: bytes | Mapping[str, Any],
    *,
    at: str,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/runs/{id}/rerun``: 202 as for a start.

    Args:
        body: Of a ``RerunRun``.
    """
    wanted, faults = read_body(RerunRun, body)
    if wanted is None:
        return invalid(faults)
    rerun = Rerun(
        run_id=RunID(run_id),
        from_failed=wanted.from_failed,
        node=NodeKey(wanted.node) if wanted.node else None,
        only=wanted.only,
        newest=wanted.newest,
    )
    return _ask(
        database,
        lambda connection: request_rerun(
            connection,
            rerun,
            request_id=request_id,
            actor=actor,
            now=now,
            idempotency_key=wanted.idempotency_key,
            on_failure=wanted.on_failure,
        ),
        at=at,
    )


def start_replay(
    database: Database,
    run_id: str,
    body: bytes | Mapping[str, Any],
    *,
    at: str,
    actor: str,
    request_id: RequestID,
    now: datetime,
) -> Acted:
    """Answer ``POST /api/runs/{id}/replay``: 202 as for a start.

    Args:
        body: Of a ``ReplayRun``.
    """
    wanted, faults = read_body(ReplayRun, body)
    if wanted is None:
        return invalid(faults)
    return _ask(
        database,
        lambda connection: request_replay(
            connection,
            RunID(run_id),
            request_id=request_id,
            actor=actor,
            now=now,
            idempotency_key=wanted.idempotency_key,
        ),
        at=at,
    )


def _ask(database: Database, act: Callable[..., Requested], *, at: str) -> Acted:
    """Ask for a run that goes by a former one: 202 as for a start, or why that cannot be."""
    requested: Requested = database.transact(act)
    return accepted(requested, at)


def accepted(requested: Requested, at: str) -> Acted:
    location = f"/api/requests/{requested.request_id}"
    reply = Reply(
        202,
        {
            "request_id": requested.request_id,
            "product": requested.product.key,
            "status_uri": location,
            "product_paused": requested.waits,
        },
        _where(at, location),
    )
    return Acted(reply, start=(requested.product,) if requested.start_coordinator else ())


def _where(at: str, path: str) -> dict[str, str]:
    """Return where to look again, and when: a whole URL, for not every client knows where a path alone leads."""
    return {"Location": urljoin(at, path), "Retry-After": _RETRY_AFTER_S}


def show_request(database: Database, request_id: str, *, at: str) -> Reply:
    """Answer ``GET /api/requests/{id}``: 202 until the run has ended, then 200, or 409 if it did not succeed."""
    status, callbacks = database.read(
        lambda connection: (
            request_status(connection, request_id),
            list_callbacks(connection, request_id),
        )
    )
    body = {**status.to_payload(), "callbacks": [asdict(callback) for callback in callbacks]}
    if not status.ended:
        return Reply(202, body, _where(at, f"/api/requests/{request_id}"))
    if not status.succeeded:
        # Anything below 400 would let a waiting pipeline go on as if its data were there.
        return problem(409, "LF6103", "RunDidNotSucceed", status.failure(), **body)
    return Reply(200, body)


def request_cancel(database: Database, run_id: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/runs/{id}/cancel``."""
    cancelled = database.transact(
        lambda connection: cancel_run(connection, RunID(run_id), actor=actor, now=now)
    )
    body = {"run_id": run_id, "at_work": [node.key for node in cancelled.at_work]}
    return Acted(Reply(202, body), cancelled=(cancelled,))
