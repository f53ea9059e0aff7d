"""Requests in the order in which they were made, by an index.

Revision: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("IX_RunRequests_RequestedAt", "RunRequests", ["RequestedAt", "RequestID"])


def downgrade() -> None:
    op.drop_index("IX_RunRequests_RequestedAt", table_name="RunRequests")
