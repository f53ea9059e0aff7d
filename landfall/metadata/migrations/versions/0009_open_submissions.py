"""Submissions under way, and no column for the address that Callbacks keep.

Revision: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "OpenSubmissions",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("Attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("IdempotencyKey", sa.Unicode(64), nullable=False),
        sa.Column("TimeoutS", sa.Integer(), nullable=False),
        sa.Column("OpenedAt", columns.UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_OpenSubmissions_RunID"),
        sa.PrimaryKeyConstraint("RunID", "NodeKey", "Attempt", name="PK_OpenSubmissions"),
    )
    op.drop_column("RunRequests", "CallbackUri")


def downgrade() -> None:
    op.add_column("RunRequests", sa.Column("CallbackUri", sa.Unicode(2048)))
    op.drop_table("OpenSubmissions")
