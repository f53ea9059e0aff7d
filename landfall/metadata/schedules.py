"""The schedules of a product's current version, each with the instant at which it is due next."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import product_schedules
from landfall.spec.model import Schedule
from landfall.spec.schedules import next_due


def write_schedules(
    connection: sa.Connection, product_id: int, schedules: Sequence[Schedule], *, now: datetime
) -> None:
    """Make the table say what a product's version says; a schedule that stays keeps its next instant.

    A new one is first due after ``now``: applying a product starts nothing by itself.
    """
    table = product_schedules.c
    rows = connection.execute(
        sa.select(table.ProductScheduleID, table.Cron, table.TimeZone).where(
            table.DataProductID == product_id
        )
    )
    known = {Schedule(row.Cron, row.TimeZone): row.ProductScheduleID for row in rows}
    for schedule in known.keys() - set(schedules):
        connection.execute(sa.delete(product_schedules).where(table.ProductScheduleID == known[schedule]))
    for schedule in dict.fromkeys(schedules):
        if schedule not in known:
            connection.execute(
                sa.insert(product_schedules).values(
                    DataProductID=product_id,
                    Cron=schedule.cron,
                    TimeZone=schedule.time_zone,
                    NextDueAt=next_due(schedule, now),
                )
            )
