"""Schedules: which are due, and the run that each of them asks for, once for each due instant."""

import hashlib
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.catalog import get_product_key
from landfall.metadata.tables import product_schedules
from landfall.runs.ids import RequestID
from landfall.runs.requests import Requested, RunRequest, Trigger, request_run
from landfall.spec.model import Schedule
from landfall.spec.schedules import next_due

_MOST_AT_ONCE = 200


def due_schedules(connection: sa.Connection, *, now: datetime) -> tuple[int, ...]:
    """Return the ids of the schedules that are due, the longest due first."""
    rows = connection.execute(
        sa.select(product_schedules.c.ProductScheduleID)
        .where(product_schedules.c.NextDueAt <= now)
        .order_by(product_schedules.c.NextDueAt)
        .limit(_MOST_AT_ONCE)
    )
    return tuple(rows.scalars())


def request_due_run(connection: sa.Connection, schedule_id: int, *, now: datetime) -> Requested | None:
    """Ask for the run of a schedule and move the schedule on; ``None`` if another process was faster.

    However many instants were missed while nothing ran, they ask for one run together.
    """
    row = connection.execute(
        sa.select(product_schedules).where(product_schedules.c.ProductScheduleID == schedule_id)
    ).one_or_none()
    if row is None or row.NextDueAt > now:
        return None
    schedule = Schedule(row.Cron, row.TimeZone)
    moved = connection.execute(
        sa.update(product_schedules)
        .where(
            product_schedules.c.ProductScheduleID == schedule_id,
            product_schedules.c.NextDueAt == row.NextDueAt,
        )
        .values(LastDueAt=row.NextDueAt, NextDueAt=next_due(schedule, now))
    ).rowcount
    if not moved:
        return None
    key = f"schedule {schedule.cron} {schedule.time_zone} {row.NextDueAt:%Y-%m-%dT%H:%MZ}"
    request = RunRequest(
        product=get_product_key(connection, row.DataProductID),
        trigger=Trigger.SCHEDULE,
        requested_by=f"schedule {schedule.cron} {schedule.time_zone}"[:128],
        parameters={"due_at": f"{row.NextDueAt:%Y-%m-%dT%H:%M:%SZ}"},
        idempotency_key=key[:128],
    )
    return request_run(connection, request, request_id=_request_id(row.DataProductID, key), now=now)


def _request_id(product_id: int, key: str) -> RequestID:
    """Return the same id for the same due instant, whoever finds it due."""
    return RequestID(hashlib.sha256(f"{product_id} {key}".encode()).hexdigest()[:32])
