"""Service levels over HTTP: which objectives products have, and whether they keep them."""

from datetime import datetime

from landfall.api.reply import Reply
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.runs.service_levels import list_service_levels


def show_service_levels(
    database: Database, product: str | None, *, now: datetime, scope: Scope = EVERYTHING
) -> Reply:
    """Answer ``GET /api/service-levels?product=domain/name``; without a product, those of all."""
    found = database.read(
        lambda connection: list_service_levels(connection, product=product, scope=scope, now=now)
    )
    return Reply(200, [level.to_payload() for level in found])
