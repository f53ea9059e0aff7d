"""When a run was given a place last, so that products which hold as many places take turns.

Revision: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata.columns import UtcDateTime

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("Runs", sa.Column("LastPlaceAt", UtcDateTime))


def downgrade() -> None:
    op.drop_column("Runs", "LastPlaceAt")
