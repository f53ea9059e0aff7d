"""What incremental nodes last built from.

Revision: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "mssql":
        is_json = "ISJSON([Inputs]) = 1"
    else:
        is_json = "[Inputs] IS NULL OR json_valid([Inputs]) AND substr([Inputs], 1, 1) IN ('{', '[')"
    op.create_table(
        "TransformationStates",
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("DefinitionHash", sa.Unicode(64), nullable=False),
        sa.Column("Inputs", columns.JsonText, nullable=False),
        sa.Column("BuiltAt", columns.UtcDateTime, nullable=False),
        sa.CheckConstraint(sa.text(is_json), name=op.f("CK_TransformationStates_Inputs_IsJson")),
        sa.ForeignKeyConstraint(
            ["DataProductID"],
            ["DataProducts.DataProductID"],
            name="FK_TransformationStates_DataProductID",
        ),
        sa.PrimaryKeyConstraint("DataProductID", "NodeKey", name="PK_TransformationStates"),
    )


def downgrade() -> None:
    op.drop_table("TransformationStates")
