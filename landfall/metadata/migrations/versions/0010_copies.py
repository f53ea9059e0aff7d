"""What is copied into the landing zone, and how far.

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata.columns import JsonText

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("DataSources", sa.Column("Engine", sa.Unicode(16)))
    op.add_column("DataSets", sa.Column("CopySettings", JsonText))
    op.add_column("Watermarks", sa.Column("WatermarkOf", sa.Unicode(1024)))
    op.add_column("Watermarks", sa.Column("CopyNumber", sa.Integer))


def downgrade() -> None:
    op.drop_column("Watermarks", "CopyNumber")
    op.drop_column("Watermarks", "WatermarkOf")
    op.drop_column("DataSets", "CopySettings")
    op.drop_column("DataSources", "Engine")
