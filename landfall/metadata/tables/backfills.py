"""Backfills: objects with progress, chunk by chunk."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from landfall.metadata.columns import BigId, ExactName, LongText, UtcDateTime
from landfall.metadata.tables.base import NAME, RUN_ID, STATE, json_columns, metadata, product_column

backfills = Table(
    "Backfills",
    metadata,
    Column("BackfillID", RUN_ID, primary_key=True),
    product_column(),
    # What it takes in again, as it was asked for: datasets, and a range of file ids or of instants.
    *json_columns("Selection"),
    Column("State", STATE, nullable=False),
    Column("Reason", LongText),
    Column("IdempotencyKey", ExactName),
    Column("FileCount", sa.Integer, nullable=False),
    Column("RequestedAt", UtcDateTime, nullable=False),
    Column("RequestedBy", NAME, nullable=False),
    Column("FinishedAt", UtcDateTime),
    Index("IX_Backfills_DataProductID_State", "DataProductID", "State"),
    Index(
        "UQ_Backfills_DataProductID_IdempotencyKey",
        "DataProductID",
        "IdempotencyKey",
        unique=True,
        mssql_where=sa.text("[IdempotencyKey] IS NOT NULL"),
        sqlite_where=sa.text('"IdempotencyKey" IS NOT NULL'),
    ),
)

backfill_chunks = Table(
    "BackfillChunks",
    metadata,
    Column("BackfillID", RUN_ID, ForeignKey("Backfills.BackfillID"), primary_key=True),
    Column("ChunkNumber", sa.Integer, primary_key=True, autoincrement=False),
    Column("State", STATE, nullable=False),
    Column("Reason", LongText),
    Column("FileCount", sa.Integer, nullable=False),
    # The newest run that took the chunk in.
    Column("RunID", RUN_ID, index=True),
    Column("FinishedAt", UtcDateTime),
)

backfill_files = Table(
    "BackfillFiles",
    metadata,
    Column("BackfillID", RUN_ID, ForeignKey("Backfills.BackfillID"), primary_key=True),
    Column(
        "LandedFileID",
        BigId,
        ForeignKey("LandedFiles.LandedFileID"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    Column("ChunkNumber", sa.Integer, nullable=False),
    Index("IX_BackfillFiles_BackfillID_ChunkNumber", "BackfillID", "ChunkNumber"),
)
