"""What consumers may count on and whether it is kept; and who is told of alarms."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, LongText, UtcDateTime
from landfall.metadata.tables.base import NAME, STATE, at_least, id_column, metadata, product_column

# The objectives of a product's current version, each as it stood when the timer looked at it last.
service_levels = Table(
    "ServiceLevels",
    metadata,
    id_column("ServiceLevelID"),
    product_column(),
    Column("Name", NAME, nullable=False),
    # Empty where the objective is about the success of runs.
    Column("DataSetName", NAME),
    # Longest age of the dataset, or how far back runs are looked at.
    Column("WindowS", sa.BigInteger, nullable=False),
    # Share of the runs that have to succeed, in millionths.
    Column("MinSharePpm", sa.Integer),
    Column("DeclaredAt", UtcDateTime, nullable=False),
    Column("State", STATE, nullable=False),
    # Since when the state is what it is.
    Column("StateSince", UtcDateTime, nullable=False),
    # Runs that ended within the time that is looked back on, as they were counted last; empty for freshness.
    Column("RunsEnded", sa.Integer),
    Column("RunsSucceeded", sa.Integer),
    Column("MeasuredAt", UtcDateTime),
    # When the state may change next; the end of a run brings it forward.
    Column("NextDueAt", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("DataProductID", "Name"),
)

# Who has to be told that an alarm was raised or cleared: an outbox, so that no crash swallows it.
alarm_notices = Table(
    "AlarmNotices",
    metadata,
    id_column("AlarmNoticeID"),
    Column("AlarmID", BigId, ForeignKey("Alarms.AlarmID"), nullable=False),
    # Raised or cleared.
    Column("Event", STATE, nullable=False),
    # Owner, or operators of the installation.
    Column("Audience", STATE, nullable=False),
    Column("State", STATE, nullable=False),
    Column("Attempts", sa.Integer, nullable=False, default=0),
    Column("NextAttemptAt", UtcDateTime, nullable=False),
    Column("Detail", LongText),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("AlarmID", "Event", "Audience"),
    at_least("Attempts", 0),
    Index("IX_AlarmNotices_State_NextAttemptAt", "State", "NextAttemptAt"),
)
