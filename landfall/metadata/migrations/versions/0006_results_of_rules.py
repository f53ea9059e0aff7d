"""More of what a quality rule found: its version, repairs, duration, keys of failing rows and what it measured.

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

_TABLE = "DataQualityResults"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("RowsCorrected", sa.BigInteger, nullable=True))
    op.add_column(_TABLE, sa.Column("RuleVersion", sa.Unicode(64), nullable=True))
    op.add_column(_TABLE, sa.Column("DurationMs", sa.BigInteger, nullable=True))
    op.add_column(_TABLE, sa.Column("SampleKeys", columns.LongText, nullable=True))
    op.add_column(_TABLE, sa.Column("Detail", columns.LongText, nullable=True))


def downgrade() -> None:
    for column in ("Detail", "SampleKeys", "DurationMs", "RuleVersion", "RowsCorrected"):
        op.drop_column(_TABLE, column)
