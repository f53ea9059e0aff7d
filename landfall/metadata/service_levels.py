"""The service levels of a product's current version, and when each has to be looked at next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from landfall.metadata.alarms import LEVEL_ALARMS, clear_alarm
from landfall.metadata.tables import service_levels
from landfall.spec.model import ServiceLevel

MILLION = 1_000_000


class LevelState(StrEnum):
    """Unknown is an objective of which nothing can be said yet: nothing was published, or no run has ended."""

    UNKNOWN = "unknown"
    MET = "met"
    MISSED = "missed"


def level_subject(product: str, name: str) -> str:
    """Return what the alarms of an objective are about."""
    return f"{product}: {name}"


def write_service_levels(
    connection: sa.Connection, product_id: int, product: str, levels: Sequence[ServiceLevel], *, now: datetime
) -> None:
    """Make the table say what a product's version says.

    An objective that stays keeps its state until it is looked at, which is soon; the alarms of one that goes end.

    Args:
        product: ``domain/product``.
    """
    table = service_levels.c
    mine = table.DataProductID == product_id
    known: set[str] = set(connection.execute(sa.select(table.Name).where(mine)).scalars())
    for name in sorted(known - {level.name for level in levels}):
        connection.execute(sa.delete(service_levels).where(mine, table.Name == name))
        for alarm in LEVEL_ALARMS:
            clear_alarm(connection, alarm, level_subject(product, name), now=now)
    for level in levels:
        said = {
            "DataSetName": level.dataset,
            "WindowS": round(level.window_s),
            "MinSharePpm": None if level.min_share is None else round(level.min_share * MILLION),
            "NextDueAt": now,
        }
        if level.name in known:
            connection.execute(sa.update(service_levels).where(mine, table.Name == level.name).values(said))
            continue
        connection.execute(
            sa.insert(service_levels).values(
                DataProductID=product_id,
                Name=level.name,
                DeclaredAt=now,
                State=LevelState.UNKNOWN,
                StateSince=now,
                **said,
            )
        )


def wake_service_levels(connection: sa.Connection, product_id: int, *, now: datetime) -> None:
    """Have the objectives of a product looked at in the next round: a run of it has ended."""
    connection.execute(
        sa.update(service_levels)
        .where(service_levels.c.DataProductID == product_id, service_levels.c.NextDueAt > now)
        .values(NextDueAt=now)
    )


def overdue_before(published_at: datetime | None, declared_at: datetime, window_s: int) -> datetime:
    """Return the instant until which a dataset is fresh enough.

    What was never published is as old as the objective.
    """
    return (published_at or declared_at) + timedelta(seconds=window_s)
