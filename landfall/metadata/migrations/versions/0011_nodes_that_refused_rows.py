"""The node runs that refused rows, listed without a look at all others.

Revision: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "IX_NodeRuns_Refusing",
        "NodeRuns",
        ["RunID", "NodeKey", "RowsQuarantined"],
        mssql_where=sa.text("[RowsQuarantined] > 0"),
        sqlite_where=sa.text('"RowsQuarantined" > 0'),
    )


def downgrade() -> None:
    op.drop_index("IX_NodeRuns_Refusing", table_name="NodeRuns")
