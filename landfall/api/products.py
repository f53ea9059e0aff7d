"""Products over HTTP: pause one and resume it."""

from datetime import datetime

from landfall.api.body import BodyField, read_body
from landfall.api.reply import Acted, Reply, invalid, problem_of
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.leases import Pause
from landfall.runs.pausing import pause_product, resume_product

_PAUSE_FIELDS = {
    "reason": BodyField(
        "a text of 1 to 1,000 characters", lambda v: isinstance(v, str) and 0 < len(v) <= 1_000
    )
}


def request_pause(database: Database, product: str, body: bytes, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/pause``.

    Args:
        body: Empty, or JSON: ``reason`` (text).
    """
    fields, faults = read_body(body, _PAUSE_FIELDS)
    if faults:
        return invalid(faults)
    try:
        pause = database.transact(
            lambda connection: pause_product(
                connection, product, actor=actor, reason=fields.get("reason"), now=now
            )
        )
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    return Acted(Reply(200, pause_object(product, pause)))


def request_resume(database: Database, product: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/resume``; resuming what is not paused changes nothing."""
    try:
        resumed = database.transact(
            lambda connection: resume_product(connection, product, actor=actor, now=now)
        )
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    body = {"product": product, "was_paused": resumed.pause is not None, "started": resumed.start is not None}
    return Acted(Reply(200, body), start=(resumed.start,) if resumed.start is not None else ())


def pause_object(product: str, pause: Pause) -> dict[str, str | None]:
    """Return a pause as the API shows it."""
    return {
        "product": product,
        "paused_since": pause.since.isoformat(),
        "paused_by": pause.by,
        "reason": pause.reason,
    }
