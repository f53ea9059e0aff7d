"""Alarms: what somebody has to know of, one row for as long as its cause lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import alarm_notices, alarms, data_products

LONGEST_SUBJECT = 600


class AlarmName(StrEnum):
    """Names that alert rules look for, in the table and in the log."""

    SET_INCOMPLETE = "landing_set_incomplete"
    NOT_RECONCILED = "not_reconciled"
    NOT_PURGED = "not_purged"
    NOT_WATCHED = "not_watched"
    FRESHNESS_MISSED = "freshness_missed"
    SUCCESS_MISSED = "success_missed"
    LINEAGE_NOT_SENT = "lineage_not_sent"


LEVEL_ALARMS = (AlarmName.FRESHNESS_MISSED, AlarmName.SUCCESS_MISSED)
"""Alarms of service levels."""


class NoticeEvent(StrEnum):
    RAISED = "raised"
    CLEARED = "cleared"


class Audience(StrEnum):
    """Who is told: the owner of the product at the address it names, the operators at that of the installation."""

    OWNER = "owner"
    OPERATORS = "operators"


class NoticeState(StrEnum):
    """A notice is pending until somebody took it, refused it for good, or it is too old; or nobody wanted it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNADDRESSED = "unaddressed"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One cause; ``cleared_at`` is ``None`` while it lasts, ``product`` is ``domain/name``."""

    alarm_id: int
    name: str
    product: str | None
    subject: str
    detail: str
    raised_at: datetime
    cleared_at: datetime | None


def raise_alarm(
    connection: sa.Connection,
    name: AlarmName,
    *,
    product_id: int | None,
    subject: str,
    detail: str,
    now: datetime,
) -> bool:
    """Raise an alarm unless it is raised already; return whether it was raised now."""
    open_alarm = connection.execute(sa.select(alarms.c.AlarmID).where(_open(name, subject))).first()
    if open_alarm is not None:
        return False
    alarm_id: int = connection.execute(
        sa.insert(alarms)
        .values(Name=name, DataProductID=product_id, Subject=subject, Detail=detail, RaisedAt=now)
        .returning(alarms.c.AlarmID)
    ).scalar_one()
    _notify(connection, alarm_id, NoticeEvent.RAISED, product_id, now)
    return True


def clear_alarm(connection: sa.Connection, name: AlarmName, subject: str, *, now: datetime) -> bool:
    """Note that the cause of an alarm is gone; return whether it was raised."""
    found = connection.execute(
        sa.select(alarms.c.AlarmID, alarms.c.DataProductID).where(_open(name, subject))
    ).one_or_none()
    if found is None:
        return False
    cleared = connection.execute(
        sa.update(alarms)
        .where(alarms.c.AlarmID == found.AlarmID, alarms.c.ClearedAt.is_(None))
        .values(ClearedAt=now)
    ).rowcount
    if cleared:
        _notify(connection, found.AlarmID, NoticeEvent.CLEARED, found.DataProductID, now)
    return bool(cleared)


def sync_alarms(
    connection: sa.Connection, name: AlarmName, causes: Mapping[str, str], *, now: datetime
) -> None:
    """Let the alarms of a name be those of ``causes``, detail by subject: raise what is new, clear what is gone."""
    raised: set[str] = set(
        connection.execute(
            sa.select(alarms.c.Subject).where(alarms.c.Name == name, alarms.c.ClearedAt.is_(None))
        ).scalars()
    )
    wanted = {subject[:LONGEST_SUBJECT]: detail for subject, detail in causes.items()}
    for subject in sorted(raised - wanted.keys()):
        clear_alarm(connection, name, subject, now=now)
    for subject in sorted(wanted.keys() - raised):
        raise_alarm(connection, name, product_id=None, subject=subject, detail=wanted[subject], now=now)


def count_alarms(connection: sa.Connection) -> dict[str, int]:
    """Return how many alarms last, by name."""
    rows = connection.execute(
        sa.select(alarms.c.Name, sa.func.count().label("Alarms"))
        .where(alarms.c.ClearedAt.is_(None))
        .group_by(alarms.c.Name)
    )
    return {row.Name: row.Alarms for row in rows}


def list_alarms(
    connection: sa.Connection,
    *,
    product: str | None = None,
    cleared: bool = False,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[Alarm]:
    """Return a page of alarms, the newest first: those that last, and the cleared ones too if asked for.

    Args:
        scope: Whose alarms are seen; those of no product by who sees everything.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = (
        sa.select(alarms, data_products.c.Domain, data_products.c.Name.label("ProductName"))
        .select_from(alarms.outerjoin(data_products, data_products.c.DataProductID == alarms.c.DataProductID))
        .where(scope.rows())
    )
    if not cleared:
        query = query.where(alarms.c.ClearedAt.is_(None))
    if product is not None:
        domain, _, name = product.partition("/")
        query = query.where(data_products.c.Domain == domain, data_products.c.Name == name)
    order = [SortKey("alarm_id", alarms.c.AlarmID, descending=True)]
    return read_page(connection, query, order, _alarm, limit=limit, cursor=cursor)


def _alarm(row: sa.Row[Any]) -> Alarm:
    return Alarm(
        alarm_id=row.AlarmID,
        name=row.Name,
        product=f"{row.Domain}/{row.ProductName}" if row.Domain else None,
        subject=row.Subject,
        detail=row.Detail,
        raised_at=row.RaisedAt,
        cleared_at=row.ClearedAt,
    )


def _open(name: AlarmName, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(alarms.c.Name == name, alarms.c.Subject == subject, alarms.c.ClearedAt.is_(None))


def _notify(
    connection: sa.Connection, alarm_id: int, event: NoticeEvent, product_id: int | None, now: datetime
) -> None:
    """Note who has to be told; whether there is an address is seen when it is sent."""
    audiences = (Audience.OPERATORS,) if product_id is None else (Audience.OWNER, Audience.OPERATORS)
    connection.execute(
        sa.insert(alarm_notices),
        [
            {
                "AlarmID": alarm_id,
                "Event": event,
                "Audience": audience,
                "State": NoticeState.PENDING,
                "NextAttemptAt": now,
                "CreatedAt": now,
            }
            for audience in audiences
        ],
    )
