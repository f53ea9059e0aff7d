"""Products over HTTP: pause one and resume it."""

from dataclasses import dataclass
from datetime import datetime

from landfall.api.body import BodyField, read_body
from landfall.api.reply import Reply, problem, problem_of
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.runs.leases import Pause
from landfall.runs.pausing import pause_product, resume_product
from landfall.spec.model import Product

_PAUSE_FIELDS = {
    "reason": BodyField(
        "a text of 1 to 1,000 characters", lambda v: isinstance(v, str) and 0 < len(v) <= 1_000
    )
}


@dataclass(frozen=True, slots=True)
class Resume:
    """The answer to a resume, and the product whose coordinator has to be started, if any."""

    reply: Reply
    start: Product | None = None


def request_pause(database: Database, product: str, body: bytes, *, actor: str, now: datetime) -> Reply:
    """Answer ``POST /api/products/{domain}/{product}/pause``.

    Args:
        body: Empty, or JSON: ``reason`` (text).
    """
    fields, faults = read_body(body, _PAUSE_FIELDS)
    if faults:
        return problem(400, "LF6101", "InvalidBody", " ".join(faults), faults=faults)
    try:
        pause = database.transact(
            lambda connection: pause_product(
                connection, product, actor=actor, reason=fields.get("reason"), now=now
            )
        )
    except UnknownProduct as error:
        return problem_of(error, status=404)
    return Reply(200, pause_object(product, pause))


def request_resume(database: Database, product: str, *, actor: str, now: datetime) -> Resume:
    """Answer ``POST /api/products/{domain}/{product}/resume``; resuming what is not paused changes nothing."""
    try:
        resumed = database.transact(
            lambda connection: resume_product(connection, product, actor=actor, now=now)
        )
    except UnknownProduct as error:
        return Resume(problem_of(error, status=404))
    body = {"product": product, "was_paused": resumed.pause is not None, "started": resumed.start is not None}
    return Resume(Reply(200, body), resumed.start)


def pause_object(product: str, pause: Pause) -> dict[str, str | None]:
    """Return a pause as the API shows it."""
    return {
        "product": product,
        "paused_since": pause.since.isoformat(),
        "paused_by": pause.by,
        "reason": pause.reason,
    }
