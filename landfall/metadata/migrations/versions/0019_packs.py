"""Packs: nodes of a run that share a job run.

Revision: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata.columns import BigId, LongText, UtcDateTime

revision = "0019"
down_revision: str | None = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "Packs",
        sa.Column("PackID", BigId, primary_key=True, autoincrement=True),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("PackKey", sa.Unicode(160), nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Priority", sa.Integer, nullable=False),
        sa.Column("ClaimedBy", sa.Unicode(160)),
        sa.Column("ClaimedAt", UtcDateTime),
        sa.Column("SubmitAt", UtcDateTime),
        sa.Column("HoldReason", LongText),
        sa.Column("StartedAt", UtcDateTime),
        sa.Column("FinishedAt", UtcDateTime),
        sa.Column("JobRunID", sa.BigInteger),
        sa.PrimaryKeyConstraint("PackID", name="PK_Packs"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_Packs_RunID"),
        sa.UniqueConstraint("RunID", "PackKey", name="UQ_Packs_RunID_PackKey"),
    )
    op.create_index("IX_Packs_RunID_State_Priority", "Packs", ["RunID", "State", "Priority"])
    op.add_column("Runs", sa.Column("PackNodes", sa.Integer))
    op.add_column("NodeRuns", sa.Column("PackKey", sa.Unicode(160)))
    op.add_column("NodeRuns", sa.Column("JobMs", sa.BigInteger))
    op.create_index(
        "IX_NodeRuns_RunID_PackKey",
        "NodeRuns",
        ["RunID", "PackKey"],
        mssql_where=sa.text("[PackKey] IS NOT NULL"),
        sqlite_where=sa.text('"PackKey" IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index("IX_NodeRuns_RunID_PackKey", table_name="NodeRuns")
    op.drop_column("NodeRuns", "JobMs")
    op.drop_column("NodeRuns", "PackKey")
    op.drop_column("Runs", "PackNodes")
    op.drop_table("Packs")
