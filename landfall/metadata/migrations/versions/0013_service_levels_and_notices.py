"""Service levels, who is told of alarms, and the webhook of owners.

Revision: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("DataProducts", sa.Column("OwnerWebhook", sa.Unicode(2048)))
    op.create_table(
        "ServiceLevels",
        sa.Column("ServiceLevelID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("DataSetName", sa.Unicode(128)),
        sa.Column("WindowS", sa.BigInteger(), nullable=False),
        sa.Column("MinSharePpm", sa.Integer()),
        sa.Column("DeclaredAt", columns.UtcDateTime, nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("StateSince", columns.UtcDateTime, nullable=False),
        sa.Column("RunsEnded", sa.Integer()),
        sa.Column("RunsSucceeded", sa.Integer()),
        sa.Column("MeasuredAt", columns.UtcDateTime),
        sa.Column("NextDueAt", columns.UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_ServiceLevels_DataProductID"
        ),
        sa.PrimaryKeyConstraint("ServiceLevelID", name="PK_ServiceLevels"),
        sa.UniqueConstraint("DataProductID", "Name", name="UQ_ServiceLevels_DataProductID_Name"),
    )
    op.create_index("IX_ServiceLevels_NextDueAt", "ServiceLevels", ["NextDueAt"])
    op.create_table(
        "AlarmNotices",
        sa.Column("AlarmNoticeID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("AlarmID", columns.BigId, nullable=False),
        sa.Column("Event", sa.Unicode(16), nullable=False),
        sa.Column("Audience", sa.Unicode(16), nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Attempts", sa.Integer(), nullable=False),
        sa.Column("NextAttemptAt", columns.UtcDateTime, nullable=False),
        sa.Column("Detail", columns.LongText),
        sa.Column("CreatedAt", columns.UtcDateTime, nullable=False),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.CheckConstraint(sa.text("[Attempts] >= 0"), name=op.f("CK_AlarmNotices_Attempts")),
        sa.ForeignKeyConstraint(["AlarmID"], ["Alarms.AlarmID"], name="FK_AlarmNotices_AlarmID"),
        sa.PrimaryKeyConstraint("AlarmNoticeID", name="PK_AlarmNotices"),
        sa.UniqueConstraint("AlarmID", "Event", "Audience", name="UQ_AlarmNotices_AlarmID_Event_Audience"),
    )
    op.create_index("IX_AlarmNotices_State_NextAttemptAt", "AlarmNotices", ["State", "NextAttemptAt"])


def downgrade() -> None:
    op.drop_table("AlarmNotices")
    op.drop_table("ServiceLevels")
    op.drop_column("DataProducts", "OwnerWebhook")
