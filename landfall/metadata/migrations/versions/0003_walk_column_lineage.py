"""Indexes from either end of an edge: lineage is walked one level of datasets at a time.

Revision: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("IX_ColumnLineage_SourceDataSet", "ColumnLineage", ["SourceDataSet"])
    op.create_index("IX_ColumnLineage_TargetDataSet", "ColumnLineage", ["TargetDataSet"])


def downgrade() -> None:
    op.drop_index("IX_ColumnLineage_TargetDataSet", "ColumnLineage")
    op.drop_index("IX_ColumnLineage_SourceDataSet", "ColumnLineage")
