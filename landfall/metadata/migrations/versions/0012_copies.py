"""What is copied into the landing zone, and how far.

Revision: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata.columns import LongText

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("DataSources", sa.Column("Engine", sa.Unicode(16)))
    op.add_column("DataSets", sa.Column("CopySettings", LongText))
    op.add_column("Watermarks", sa.Column("WatermarkOf", sa.Unicode(1024)))
    op.add_column("Watermarks", sa.Column("CopyNumber", sa.Integer))


def downgrade() -> None:
    op.drop_column("Watermarks", "CopyNumber")
    op.drop_column("Watermarks", "WatermarkOf")
    op.drop_column("DataSets", "CopySettings")
    op.drop_column("DataSources", "Engine")
