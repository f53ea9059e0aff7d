"""Versions of products over HTTP: the way back to what was applied before."""

from datetime import datetime

from landfall.api.reply import Acted, Reply, problem_of
from landfall.metadata.apply import NothingToRollBack, rollback
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.circles import CircularProducts
from landfall.metadata.engine import Database


def request_rollback(database: Database, product: str, *, actor: str, now: datetime) -> Acted:
    """Answer ``POST /api/products/{domain}/{product}/rollback``."""
    try:
        done = rollback(database, product, actor=actor, now=now)
    except UnknownProduct as error:
        return Acted(problem_of(error, status=404))
    except (NothingToRollBack, CircularProducts) as error:
        return Acted(problem_of(error))
    return Acted(Reply(200, {"product": product, "version": done.version, "restores": done.restores}))
