"""Versions of products over HTTP: the way back to what was applied before."""

from datetime import datetime

from landfall.api.reply import Acted, Reply
from landfall.metadata.apply import rollback
from landfall.metadata.engine import Database


def request_rollback(database: Database, product: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/rollback``."""
    done = rollback(database, product, actor=actor, now=now)
    return Acted(Reply(200, {"product": product, "version": done.version, "restores": done.restores}))
