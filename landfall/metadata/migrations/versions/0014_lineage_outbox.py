"""The outbox of lineage.

Revision: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0014"
down_revision: str | None = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "LineageOutbox",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("Moment", sa.Unicode(16), nullable=False),
        sa.Column("CreatedAt", columns.UtcDateTime, nullable=False),
        sa.Column("Attempts", sa.Integer(), nullable=False),
        sa.Column("NextAttemptAt", columns.UtcDateTime, nullable=False),
        sa.Column("SentAt", columns.UtcDateTime),
        sa.Column("Detail", columns.LongText),
        sa.CheckConstraint(sa.text("[Attempts] >= 0"), name=op.f("CK_LineageOutbox_Attempts")),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_LineageOutbox_RunID"),
        sa.PrimaryKeyConstraint("RunID", "Moment", name="PK_LineageOutbox"),
    )
    op.create_index("IX_LineageOutbox_SentAt_NextAttemptAt", "LineageOutbox", ["SentAt", "NextAttemptAt"])


def downgrade() -> None:
    op.drop_table("LineageOutbox")
