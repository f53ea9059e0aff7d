"""Which versions of its tables a run read and wrote.

Revision: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision: str | None = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("LineageEdges", sa.Column("SourceVersion", sa.BigInteger))
    op.add_column("LineageEdges", sa.Column("TargetVersion", sa.BigInteger))


def downgrade() -> None:
    for column in ("TargetVersion", "SourceVersion"):
        op.drop_column("LineageEdges", column)
