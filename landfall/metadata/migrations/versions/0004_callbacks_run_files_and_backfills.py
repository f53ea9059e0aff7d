"""Callbacks, the files of each run, and backfills.

Revision: 0004
Revises: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

# In an order in which no table refers to a later one.
_TABLES = ("Callbacks", "RunFiles", "Backfills", "BackfillChunks", "BackfillFiles")


def upgrade() -> None:
    _create_callbacks()
    _create_run_files()
    _create_backfills()


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(name)


def _create_callbacks() -> None:
    op.create_table(
        "Callbacks",
        sa.Column("CallbackID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RequestID", sa.Unicode(32), nullable=False),
        sa.Column("Uri", sa.Unicode(2048)),
        sa.Column("UriHash", sa.Unicode(64), nullable=False),
        sa.Column("Host", sa.Unicode(256), nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Attempts", sa.Integer, nullable=False),
        sa.Column("NextAttemptAt", columns.UtcDateTime, nullable=False),
        sa.Column("LastStatus", sa.Integer),
        sa.Column("Detail", columns.LongText),
        sa.Column("CreatedAt", columns.UtcDateTime, nullable=False),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("CallbackID", name="PK_Callbacks"),
        sa.ForeignKeyConstraint(["RequestID"], ["RunRequests.RequestID"], name="FK_Callbacks_RequestID"),
        sa.UniqueConstraint("RequestID", "UriHash", name="UQ_Callbacks_RequestID_UriHash"),
        _check("Callbacks", "Attempts", "[Attempts] >= 0"),
    )
    op.create_index("IX_Callbacks_State_NextAttemptAt", "Callbacks", ["State", "NextAttemptAt"])


def _create_run_files() -> None:
    op.create_table(
        "RunFiles",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("LandedFileID", columns.BigId, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("RunID", "LandedFileID", name="PK_RunFiles"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_RunFiles_RunID"),
        sa.ForeignKeyConstraint(
            ["LandedFileID"], ["LandedFiles.LandedFileID"], name="FK_RunFiles_LandedFileID"
        ),
    )
    op.create_index("IX_RunFiles_LandedFileID", "RunFiles", ["LandedFileID"])


def _create_backfills() -> None:
    op.create_table(
        "Backfills",
        sa.Column("BackfillID", sa.Unicode(32), nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        *_json("Backfills", "Selection"),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Reason", columns.LongText),
        sa.Column("IdempotencyKey", columns.ExactName),
        sa.Column("FileCount", sa.Integer, nullable=False),
        sa.Column("RequestedAt", columns.UtcDateTime, nullable=False),
        sa.Column("RequestedBy", sa.Unicode(128), nullable=False),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("BackfillID", name="PK_Backfills"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Backfills_DataProductID"
        ),
    )
    op.create_index("IX_Backfills_DataProductID_State", "Backfills", ["DataProductID", "State"])
    op.create_index(
        "UQ_Backfills_DataProductID_IdempotencyKey",
        "Backfills",
        ["DataProductID", "IdempotencyKey"],
        unique=True,
        mssql_where=sa.text("[IdempotencyKey] IS NOT NULL"),
        sqlite_where=sa.text('"IdempotencyKey" IS NOT NULL'),
    )
    op.create_table(
        "BackfillChunks",
        sa.Column("BackfillID", sa.Unicode(32), nullable=False),
        sa.Column("ChunkNumber", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Reason", columns.LongText),
        sa.Column("FileCount", sa.Integer, nullable=False),
        sa.Column("RunID", sa.Unicode(32)),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("BackfillID", "ChunkNumber", name="PK_BackfillChunks"),
        sa.ForeignKeyConstraint(
            ["BackfillID"], ["Backfills.BackfillID"], name="FK_BackfillChunks_BackfillID"
        ),
    )
    op.create_index("IX_BackfillChunks_RunID", "BackfillChunks", ["RunID"])
    op.create_table(
        "BackfillFiles",
        sa.Column("BackfillID", sa.Unicode(32), nullable=False),
        sa.Column("LandedFileID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("ChunkNumber", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("BackfillID", "LandedFileID", name="PK_BackfillFiles"),
        sa.ForeignKeyConstraint(["BackfillID"], ["Backfills.BackfillID"], name="FK_BackfillFiles_BackfillID"),
        sa.ForeignKeyConstraint(
            ["LandedFileID"], ["LandedFiles.LandedFileID"], name="FK_BackfillFiles_LandedFileID"
        ),
    )
    op.create_index("IX_BackfillFiles_LandedFileID", "BackfillFiles", ["LandedFileID"])
    op.create_index("IX_BackfillFiles_BackfillID_ChunkNumber", "BackfillFiles", ["BackfillID", "ChunkNumber"])


def _json(table: str, name: str, *, nullable: bool = False) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    """Return a JSON column and the check that keeps it an object or array."""
    if op.get_context().dialect.name == "mssql":
        condition = f"ISJSON([{name}]) = 1"
    else:
        condition = f"[{name}] IS NULL OR json_valid([{name}]) AND substr([{name}], 1, 1) IN ('{{', '[')"
    return sa.Column(name, columns.JsonText, nullable=nullable), _check(table, f"{name}_IsJson", condition)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    """Return a named check; [Name] quotes on SQLite as it does on SQL Server."""
    return sa.CheckConstraint(sa.text(condition), name=op.f(f"CK_{table}_{name}"))
