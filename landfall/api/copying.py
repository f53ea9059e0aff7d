"""The copy plan over HTTP: what Data Factory is to copy, with every name and statement finished."""

from collections.abc import Sequence
from datetime import datetime

from landfall.api.reply import Reply
from landfall.landing.copy_plans import current_copy_plan
from landfall.metadata.engine import Database


def show_copy_plan(
    database: Database,
    product: str,
    *,
    key: str | None = None,
    full: bool = False,
    datasets: Sequence[str] = (),
    now: datetime,
) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/copy-plan``; it changes nothing.

    Args:
        key: Name of the copy, for example the run id of a pipeline; full copies are called after it. The same key
            again names the same files. Without one, the time.
        full: Copy everything once more, whatever was copied before.
        datasets: The only ones to copy; empty means all that have something to copy.
    """
    plan = database.read(
        lambda connection: current_copy_plan(
            connection, product, key=key or None, now=now, datasets=datasets, full=full
        )
    )
    return Reply(200, plan.to_payload())
