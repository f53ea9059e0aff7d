"""Runs in the order in which they ended, by an index.

Revision: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("IX_Runs_FinishedAt", "Runs", ["FinishedAt"])


def downgrade() -> None:
    op.drop_index("IX_Runs_FinishedAt", table_name="Runs")
