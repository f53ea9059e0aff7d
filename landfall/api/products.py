"""Products over HTTP: pause one and resume it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from landfall.api.bodies import PauseProduct
from landfall.api.body import read_body
from landfall.api.reply import Acted, Reply, invalid
from landfall.metadata.engine import Database
from landfall.runs.leases import Pause
from landfall.runs.pausing import pause_product, resume_product


def request_pause(
    database: Database, product: str, body: bytes | Mapping[str, Any], *, actor: str, now: datetime
) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/pause``.

    Args:
        body: Of a ``PauseProduct``.
    """
    wanted, faults = read_body(PauseProduct, body)
    if wanted is None:
        return invalid(faults)
    pause = database.transact(
        lambda connection: pause_product(connection, product, actor=actor, reason=wanted.reason, now=now)
    )
    return Acted(Reply(200, pause_object(product, pause)))


def request_resume(database: Database, product: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/resume``; resuming what is not paused changes nothing."""
    resumed = database.transact(lambda connection: resume_product(connection, product, actor=actor, now=now))
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
