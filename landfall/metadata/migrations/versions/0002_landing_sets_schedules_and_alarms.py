"""Sets of landed files, dead letters, schedules and alarms.

Revision: 0002
Revises: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


# In an order in which no table refers to a later one.
_TABLES = (
    "LandedFileValues",
    "LandingSets",
    "LandingSetFiles",
    "DeadLetters",
    "ProductSchedules",
    "Alarms",
)


def upgrade() -> None:
    _create_landed_file_values()
    _create_landing_sets()
    _create_dead_letters()
    _create_product_schedules()
    _create_alarms()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_landed_file_values() -> None:
    op.create_table(
        "LandedFileValues",
        sa.Column("LandedFileID", columns.BigId, autoincrement=False, nullable=False),
        *_json("LandedFileValues", "Captured"),
        sa.PrimaryKeyConstraint("LandedFileID", name="PK_LandedFileValues"),
        sa.ForeignKeyConstraint(
            ["LandedFileID"], ["LandedFiles.LandedFileID"], name="FK_LandedFileValues_LandedFileID"
        ),
    )


def _create_landing_sets() -> None:
    op.create_table(
        "LandingSets",
        sa.Column("LandingSetID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("DataSetName", sa.Unicode(128), nullable=False),
        sa.Column("SetKey", sa.Unicode(256), nullable=False),
        sa.Column("SetNumber", sa.Integer, nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("OpenedAt", columns.UtcDateTime, nullable=False),
        sa.Column("DeadlineAt", columns.UtcDateTime, nullable=True),
        sa.Column("CompletedAt", columns.UtcDateTime, nullable=True),
        sa.Column("ClosedAt", columns.UtcDateTime, nullable=True),
        *_json("LandingSets", "Expected", nullable=True),
        sa.PrimaryKeyConstraint("LandingSetID", name="PK_LandingSets"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_LandingSets_DataProductID"
        ),
        sa.UniqueConstraint(
            "DataProductID",
            "DataSetName",
            "SetKey",
            "SetNumber",
            name="UQ_LandingSets_DataProductID_DataSetName_SetKey_SetNumber",
        ),
    )
    op.create_index("IX_LandingSets_State_DeadlineAt", "LandingSets", ["State", "DeadlineAt"])
    op.create_table(
        "LandingSetFiles",
        sa.Column("LandedFileID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("LandingSetID", columns.BigId, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("LandedFileID", name="PK_LandingSetFiles"),
        sa.ForeignKeyConstraint(
            ["LandedFileID"], ["LandedFiles.LandedFileID"], name="FK_LandingSetFiles_LandedFileID"
        ),
        sa.ForeignKeyConstraint(
            ["LandingSetID"], ["LandingSets.LandingSetID"], name="FK_LandingSetFiles_LandingSetID"
        ),
    )
    op.create_index("IX_LandingSetFiles_LandingSetID", "LandingSetFiles", ["LandingSetID"])


def _create_dead_letters() -> None:
    op.create_table(
        "DeadLetters",
        sa.Column("DeadLetterID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("Source", sa.Unicode(16), nullable=False),
        sa.Column("Payload", columns.LongText, nullable=False),
        sa.Column("PayloadHash", sa.Unicode(64), nullable=False),
        sa.Column("ErrorCode", sa.Unicode(64), nullable=True),
        sa.Column("Reason", columns.LongText, nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("EventCount", sa.Integer, nullable=False),
        sa.Column("FirstSeenAt", columns.UtcDateTime, nullable=False),
        sa.Column("LastSeenAt", columns.UtcDateTime, nullable=False),
        sa.Column("EndedAt", columns.UtcDateTime, nullable=True),
        sa.Column("EndedBy", sa.Unicode(128), nullable=True),
        sa.CheckConstraint(sa.text("[EventCount] >= 1"), name=op.f("CK_DeadLetters_EventCount")),
        sa.PrimaryKeyConstraint("DeadLetterID", name="PK_DeadLetters"),
        sa.UniqueConstraint("PayloadHash", name="UQ_DeadLetters_PayloadHash"),
    )
    op.create_index("IX_DeadLetters_State_DeadLetterID", "DeadLetters", ["State", "DeadLetterID"])


def _create_product_schedules() -> None:
    op.create_table(
        "ProductSchedules",
        sa.Column("ProductScheduleID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("Cron", sa.Unicode(128), nullable=False),
        sa.Column("TimeZone", sa.Unicode(64), nullable=False),
        sa.Column("NextDueAt", columns.UtcDateTime, nullable=False),
        sa.Column("LastDueAt", columns.UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("ProductScheduleID", name="PK_ProductSchedules"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_ProductSchedules_DataProductID"
        ),
        sa.UniqueConstraint(
            "DataProductID", "Cron", "TimeZone", name="UQ_ProductSchedules_DataProductID_Cron_TimeZone"
        ),
    )
    op.create_index("IX_ProductSchedules_NextDueAt", "ProductSchedules", ["NextDueAt"])


def _create_alarms() -> None:
    op.create_table(
        "Alarms",
        sa.Column("AlarmID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("Name", sa.Unicode(64), nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=True),
        sa.Column("Subject", sa.Unicode(600), nullable=False),
        sa.Column("Detail", columns.LongText, nullable=False),
        sa.Column("RaisedAt", columns.UtcDateTime, nullable=False),
        sa.Column("ClearedAt", columns.UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("AlarmID", name="PK_Alarms"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Alarms_DataProductID"
        ),
    )
    op.create_index(
        "UQ_Alarms_Name_Subject_Open",
        "Alarms",
        ["Name", "Subject"],
        unique=True,
        mssql_where=sa.text("[ClearedAt] IS NULL"),
        sqlite_where=sa.text('"ClearedAt" IS NULL'),
    )
    op.create_index("IX_Alarms_DataProductID_RaisedAt", "Alarms", ["DataProductID", "RaisedAt"])


def _json(table: str, name: str, *, nullable: bool = False) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    """Return a JSON column and the check that keeps it an object or array."""
    if op.get_context().dialect.name == "mssql":
        condition = f"ISJSON([{name}]) = 1"
    else:
        condition = f"[{name}] IS NULL OR json_valid([{name}]) AND substr([{name}], 1, 1) IN ('{{', '[')"
    check = sa.CheckConstraint(sa.text(condition), name=op.f(f"CK_{table}_{name}_IsJson"))
    return sa.Column(name, columns.JsonText, nullable=nullable), check
