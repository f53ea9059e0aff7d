"""Requests in the order in which they were made, by an index.

Revision: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("IX_RunRequests_RequestedAt", "RunRequests", ["RequestedAt", "RequestID"])


def downgrade() -> None:
    op.drop_index("IX_RunRequests_RequestedAt", table_name="RunRequests")
