"""Who may do what when: leases, schedules, callbacks and the gate; and what people did and have to know of."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, LongText, UtcDateTime
from landfall.metadata.tables.base import NAME, RUN_ID, STATE, at_least, id_column, metadata, product_column

# Who is told how a request ended: an address is a bearer secret, so it is emptied once nobody needs it.
callbacks = Table(
    "Callbacks",
    metadata,
    id_column("CallbackID"),
    Column("RequestID", RUN_ID, ForeignKey("RunRequests.RequestID"), nullable=False),
    Column("Uri", sa.Unicode(2048)),
    # The same address for the same request is one callback.
    Column("UriHash", sa.Unicode(64), nullable=False),
    Column("Host", sa.Unicode(256), nullable=False),
    Column("State", STATE, nullable=False),
    Column("Attempts", sa.Integer, nullable=False, default=0),
    Column("NextAttemptAt", UtcDateTime, nullable=False),
    Column("LastStatus", sa.Integer),
    Column("Detail", LongText),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("RequestID", "UriHash"),
    at_least("Attempts", 0),
    Index("IX_Callbacks_State_NextAttemptAt", "State", "NextAttemptAt"),
)

product_leases = Table(
    "ProductLeases",
    metadata,
    product_column(primary_key=True),
    Column("State", STATE, nullable=False),
    Column("InstanceID", sa.Unicode(256), nullable=False),
    Column("ChangedAt", UtcDateTime, nullable=False),
    # Set while the product is paused: it opens no new run, whatever waits.
    Column("PausedAt", UtcDateTime),
    Column("PausedBy", NAME),
    Column("PauseReason", LongText),
)

# When each schedule of a product's current version comes due; the timer takes what is due and moves it on.
product_schedules = Table(
    "ProductSchedules",
    metadata,
    id_column("ProductScheduleID"),
    product_column(),
    Column("Cron", NAME, nullable=False),
    Column("TimeZone", sa.Unicode(64), nullable=False),
    Column("NextDueAt", UtcDateTime, nullable=False, index=True),
    Column("LastDueAt", UtcDateTime),
    UniqueConstraint("DataProductID", "Cron", "TimeZone"),
)

# What somebody has to know of, one row for as long as it lasts.
alarms = Table(
    "Alarms",
    metadata,
    id_column("AlarmID"),
    Column("Name", sa.Unicode(64), nullable=False),
    product_column(nullable=True),
    Column("Subject", sa.Unicode(600), nullable=False),
    Column("Detail", LongText, nullable=False),
    Column("RaisedAt", UtcDateTime, nullable=False),
    Column("ClearedAt", UtcDateTime),
    # Two timers that find the same cause at the same instant: one of them is refused.
    Index(
        "UQ_Alarms_Name_Subject_Open",
        "Name",
        "Subject",
        unique=True,
        mssql_where=sa.text("[ClearedAt] IS NULL"),
        sqlite_where=sa.text('"ClearedAt" IS NULL'),
    ),
    Index("IX_Alarms_DataProductID_RaisedAt", "DataProductID", "RaisedAt"),
)

# One row, held by whoever gives places to nodes: what limits all products is decided by one at a time. The
# instants are the token buckets of the Jobs API, each the time at which the bucket is full again.
node_gate = Table(
    "NodeGate",
    metadata,
    Column("GateID", sa.Integer, primary_key=True, autoincrement=False),
    Column("ChangedAt", UtcDateTime, nullable=False),
    Column("SecondFullAt", UtcDateTime, nullable=False),
    Column("HourFullAt", UtcDateTime, nullable=False),
    # The Jobs API asked everybody to wait until then.
    Column("HeldUntil", UtcDateTime),
    Column("HoldReason", LongText),
)

# What operators did beside runs, whose acts are in RunEvents: never changed, only added to.
operator_acts = Table(
    "OperatorActs",
    metadata,
    id_column("OperatorActID"),
    Column("Act", STATE, nullable=False),
    product_column(nullable=True),
    Column("LandedFileID", BigId, ForeignKey("LandedFiles.LandedFileID"), index=True),
    # State of the file before; empty where the act was on a product.
    Column("FromState", STATE),
    Column("OccurredAt", UtcDateTime, nullable=False),
    Column("Actor", NAME, nullable=False),
    Column("Detail", LongText),
    Index("IX_OperatorActs_DataProductID_OperatorActID", "DataProductID", "OperatorActID"),
)
