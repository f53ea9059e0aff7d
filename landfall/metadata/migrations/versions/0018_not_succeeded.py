"""The runs in which a node did not succeed, by an index.

Revision: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision: str | None = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "IX_NodeRuns_NotSucceeded",
        "NodeRuns",
        ["DataProductID", "NodeKey", "RunID"],
        mssql_where=sa.text("[State] IN ('cancelled', 'failed')"),
        sqlite_where=sa.text("\"State\" IN ('cancelled', 'failed')"),
    )


def downgrade() -> None:
    op.drop_index("IX_NodeRuns_NotSucceeded", table_name="NodeRuns")
