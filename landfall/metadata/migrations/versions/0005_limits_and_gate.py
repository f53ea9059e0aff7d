"""Ready nodes counted, whose failure an attempt was, and the gate through which nodes get their places.

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from landfall.metadata.columns import LongText, UtcDateTime

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

# Added and dropped in place: a table that others refer to cannot be written anew on SQLite while it has rows.
_COLUMNS = (
    ("ConfigurationVersion", "SetAt", UtcDateTime),
    ("ConfigurationVersion", "SetBy", sa.Unicode(128)),
    ("Runs", "ReadyNodes", sa.Integer()),
    ("NodeRuns", "SubmitAt", UtcDateTime),
    ("NodeRuns", "HoldReason", LongText),
    ("NodeAttempts", "Failure", sa.Unicode(16)),
)


def upgrade() -> None:
    for table, column, type_ in _COLUMNS:
        op.add_column(table, sa.Column(column, type_))
    op.execute(
        "UPDATE Runs SET ReadyNodes = (SELECT COUNT(*) FROM NodeRuns WHERE NodeRuns.RunID = Runs.RunID "
        "AND NodeRuns.State = 'ready' AND NodeRuns.ClaimedAt IS NULL)"
    )
    op.create_table(
        "NodeGate",
        sa.Column("GateID", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ChangedAt", UtcDateTime(), nullable=False),
        sa.Column("SecondFullAt", UtcDateTime(), nullable=False),
        sa.Column("HourFullAt", UtcDateTime(), nullable=False),
        sa.Column("HeldUntil", UtcDateTime(), nullable=True),
        sa.Column("HoldReason", LongText, nullable=True),
        sa.PrimaryKeyConstraint("GateID", name="PK_NodeGate"),
    )
    op.execute(
        "INSERT INTO NodeGate (GateID, ChangedAt, SecondFullAt, HourFullAt) VALUES "
        "(1, '2000-01-01 00:00:00', '2000-01-01 00:00:00', '2000-01-01 00:00:00')"
    )


def downgrade() -> None:
    op.drop_table("NodeGate")
    for table, column, _ in reversed(_COLUMNS):
        op.drop_column(table, column)
