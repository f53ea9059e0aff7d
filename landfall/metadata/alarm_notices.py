"""Telling people of alarms: notices that are due, each attempt on record before it is made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.metadata.alarms import Audience, NoticeEvent, NoticeState
from landfall.metadata.tables import alarm_notices, alarms, data_products
from landfall.runs.backoff import retry_delay

RUNBOOK = "docs/runbook"
"""Folder of the pages that say what to do, one for each name of an alarm."""

# An attempt that has not reported back by then has died; whoever looks next makes another one.
_ATTEMPT = timedelta(minutes=2)
# After a day the alarm is in the table for whoever looks, and news no longer.
_OLDEST = timedelta(days=1)
NOTICES_IN_ROUND = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one audience.

    Attributes:
        owner_webhook: Address of the product's owner, ``None`` if it has none.
        attempt: Number of the attempt that this is, counted from 1.
    """

    notice_id: int
    audience: Audience
    owner_webhook: str | None
    attempt: int
    created_at: datetime
    body: dict[str, Any]


def take_due_notices(
    connection: sa.Connection, *, now: datetime, limit: int = NOTICES_IN_ROUND
) -> tuple[Notice, ...]:
    """Take the notices whose turn it is, oldest first; nobody else takes them for some minutes."""
    table = alarm_notices.c
    rows = connection.execute(
        sa.select(
            alarm_notices,
            alarms.c.Name.label("Alarm"),
            alarms.c.Subject,
            alarms.c.Detail.label("Cause"),
            alarms.c.RaisedAt,
            alarms.c.ClearedAt,
            data_products.c.Domain,
            data_products.c.Name.label("ProductName"),
            data_products.c.OwnerTeam,
            data_products.c.OwnerEmail,
            data_products.c.OwnerWebhook,
        )
        .select_from(
            alarm_notices.join(alarms, alarms.c.AlarmID == table.AlarmID).outerjoin(
                data_products, data_products.c.DataProductID == alarms.c.DataProductID
            )
        )
        .where(table.State == NoticeState.PENDING, table.NextAttemptAt <= now)
        .order_by(table.AlarmNoticeID)
        .limit(limit)
    ).all()
    taken = []
    for row in rows:
        mine = connection.execute(
            sa.update(alarm_notices)
            .where(table.AlarmNoticeID == row.AlarmNoticeID, table.Attempts == row.Attempts)
            .values(Attempts=row.Attempts + 1, NextAttemptAt=now + _ATTEMPT)
        ).rowcount
        if mine:
            taken.append(
                Notice(
                    notice_id=row.AlarmNoticeID,
                    audience=Audience(row.Audience),
                    owner_webhook=row.OwnerWebhook,
                    attempt=row.Attempts + 1,
                    created_at=row.CreatedAt,
                    body=_body(row),
                )
            )
    return tuple(taken)


def settle_notice(
    connection: sa.Connection, notice: Notice, state: NoticeState, detail: str | None, *, now: datetime
) -> None:
    """Note how an attempt ended; one that may succeed later has its next turn after a pause."""
    values: dict[str, Any] = {"State": state, "Detail": detail}
    if state is NoticeState.PENDING and now - notice.created_at > _OLDEST:
        values["State"] = NoticeState.EXPIRED
    if values["State"] is NoticeState.PENDING:
        values["NextAttemptAt"] = now + retry_delay(f"notice {notice.notice_id}", notice.attempt, first_s=60)
    else:
        values["FinishedAt"] = now
    connection.execute(
        sa.update(alarm_notices).where(alarm_notices.c.AlarmNoticeID == notice.notice_id).values(values)
    )


def put_back_notice(connection: sa.Connection, notice: Notice, *, now: datetime) -> None:
    """Give a notice back that was taken and not tried: whoever has its address does not answer today."""
    connection.execute(
        sa.update(alarm_notices)
        .where(alarm_notices.c.AlarmNoticeID == notice.notice_id)
        .values(Attempts=notice.attempt - 1, NextAttemptAt=now + retry_delay("notices", 1, first_s=60))
    )


def _body(row: sa.Row[Any]) -> dict[str, Any]:
    """Return what is posted: who it is for, what happened and where it says what to do."""
    is_cleared = row.Event == NoticeEvent.CLEARED
    product = f"{row.Domain}/{row.ProductName}" if row.Domain is not None else None
    verb = "is over" if is_cleared else "has begun"
    return {
        # The same notice may come twice; its id is then the same.
        "notice_id": row.AlarmNoticeID,
        "event": str(row.Event),
        "alarm": row.Alarm,
        "alarm_id": row.AlarmID,
        "product": product,
        "owner": None if product is None else {"team": row.OwnerTeam, "email": row.OwnerEmail},
        "subject": row.Subject,
        "detail": row.Cause,
        "raised_at": row.RaisedAt.isoformat(),
        "cleared_at": row.ClearedAt.isoformat() if row.ClearedAt is not None else None,
        "runbook": f"{RUNBOOK}/{row.Alarm}.md",
        # Chat services show this field and pass over the others.
        "text": f"Landfall: {row.Alarm} {verb}: {row.Subject}. {row.Cause}",
    }
