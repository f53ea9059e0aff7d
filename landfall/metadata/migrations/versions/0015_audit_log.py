"""Who did what, with which parameters.

Revision: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0015"
down_revision: str | None = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "mssql":
        is_json = "ISJSON([Parameters]) = 1"
    else:
        is_json = (
            "[Parameters] IS NULL OR json_valid([Parameters]) AND substr([Parameters], 1, 1) IN ('{', '[')"
        )
    op.create_table(
        "AuditLog",
        sa.Column("AuditID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("CallID", sa.Unicode(32), nullable=False),
        sa.Column("OccurredAt", columns.UtcDateTime, nullable=False),
        sa.Column("Actor", sa.Unicode(128), nullable=False),
        sa.Column("Via", sa.Unicode(16), nullable=False),
        sa.Column("Act", sa.Unicode(64), nullable=False),
        sa.Column("Domain", sa.Unicode(128)),
        sa.Column("Subject", sa.Unicode(400)),
        sa.Column("Parameters", columns.JsonText, nullable=False),
        sa.CheckConstraint(sa.text(is_json), name=op.f("CK_AuditLog_Parameters_IsJson")),
        sa.PrimaryKeyConstraint("AuditID", name="PK_AuditLog"),
        sa.UniqueConstraint("CallID", name="UQ_AuditLog_CallID"),
    )
    op.create_index("IX_AuditLog_OccurredAt", "AuditLog", ["OccurredAt"])
    op.create_index("IX_AuditLog_Domain_AuditID", "AuditLog", ["Domain", "AuditID"])


def downgrade() -> None:
    op.drop_table("AuditLog")
