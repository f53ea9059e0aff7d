"""The outbox of lineage: one row for the start of a run and one for its end, sent to a catalogue later.

The rows are written in the transaction that changes the state of the run, so none is lost; what they say is read from
SQL when they are sent. Of a run all nodes are told at its end, with the instants they had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from landfall.metadata.tables import lineage_outbox
from landfall.runs.backoff import retry_delay
from landfall.runs.ids import RunID

# An attempt that has not reported back by then has died: a run of many nodes takes a while to tell.
_ATTEMPT = timedelta(minutes=10)
_FIRST_PAUSE_S = 60.0
_LONGEST_PAUSE_S = 6 * 3600.0
# What waits longer than this while a catalogue is named is worth an alarm.
LATE = timedelta(hours=1)


class Moment(StrEnum):
    """What of a run is told."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class LineageWork:
    """A moment of a run that is to be told; ``attempt`` is counted from 1."""

    run_id: RunID
    moment: Moment
    attempt: int


def put_moment(connection: sa.Connection, run_id: RunID, moment: Moment, *, now: datetime) -> None:
    """Note that a moment of a run has to be told."""
    connection.execute(
        sa.insert(lineage_outbox).values(
            RunID=run_id, Moment=moment, CreatedAt=now, NextAttemptAt=now, Attempts=0
        )
    )


def take_due_moments(connection: sa.Connection, *, now: datetime, limit: int = 20) -> tuple[LineageWork, ...]:
    """Take the moments whose turn it is, oldest first; nobody else takes them for some minutes."""
    table = lineage_outbox.c
    rows = connection.execute(
        sa.select(lineage_outbox)
        .where(table.SentAt.is_(None), table.NextAttemptAt <= now)
        .order_by(table.CreatedAt, table.RunID, table.Moment.desc())
        .limit(limit)
    ).all()
    taken = []
    for row in rows:
        mine = connection.execute(
            sa.update(lineage_outbox)
            .where(table.RunID == row.RunID, table.Moment == row.Moment, table.Attempts == row.Attempts)
            .values(Attempts=row.Attempts + 1, NextAttemptAt=now + _ATTEMPT)
        ).rowcount
        if mine:
            taken.append(LineageWork(RunID(row.RunID), Moment(row.Moment), row.Attempts + 1))
    return tuple(taken)


def mark_sent(connection: sa.Connection, work: LineageWork, *, now: datetime) -> None:
    """Note that a moment was told."""
    _update(connection, work, SentAt=now, Detail=None)


def put_off(
    connection: sa.Connection,
    work: LineageWork,
    reason: str,
    *,
    untried: Sequence[LineageWork] = (),
    now: datetime,
) -> None:
    """Give a moment another turn after a pause that grows to some hours: it is kept for as long as its run is.

    Args:
        untried: Moments that were taken and not tried, because the catalogue does not answer.
    """
    pause = retry_delay(
        f"lineage {work.run_id}", work.attempt, first_s=_FIRST_PAUSE_S, cap_s=_LONGEST_PAUSE_S
    )
    _update(connection, work, NextAttemptAt=now + pause, Detail=reason)
    for other in untried:
        soon = now + timedelta(seconds=_FIRST_PAUSE_S)
        _update(connection, other, Attempts=other.attempt - 1, NextAttemptAt=soon)


def late_moments(connection: sa.Connection, *, now: datetime) -> int:
    """Return how many moments wait for longer than they should."""
    count: int = connection.execute(
        sa.select(sa.func.count())
        .select_from(lineage_outbox)
        .where(lineage_outbox.c.SentAt.is_(None), lineage_outbox.c.CreatedAt < now - LATE)
    ).scalar_one()
    return count


def _update(connection: sa.Connection, work: LineageWork, **values: object) -> None:
    connection.execute(
        sa.update(lineage_outbox)
        .where(lineage_outbox.c.RunID == work.run_id, lineage_outbox.c.Moment == work.moment)
        .values(values)
    )
