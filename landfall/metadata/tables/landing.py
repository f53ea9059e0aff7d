"""Landed files, the sets they make up, dead letters and watermarks."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, LongText, UtcDateTime
from landfall.metadata.tables.base import (
    FILE_NAME,
    NAME,
    RUN_ID,
    STATE,
    at_least,
    id_column,
    json_columns,
    metadata,
    product_column,
)

landed_files = Table(
    "LandedFiles",
    metadata,
    id_column("LandedFileID"),
    Column("Url", sa.Unicode(2048), nullable=False),
    # An index key on SQL Server holds 1,700 bytes, fewer than a URL may have: the hash stands for it.
    Column("UrlHash", sa.Unicode(64), nullable=False),
    # The last part of the path, in lower case and cut to what an index takes: files are looked for by it.
    Column("FileName", FILE_NAME),
    Column("ETag", sa.Unicode(64), nullable=False),
    Column("SizeBytes", sa.BigInteger, nullable=False),
    Column("Sequencer", sa.Unicode(80)),
    Column("EventTime", UtcDateTime, nullable=False),
    Column("LandedAt", UtcDateTime, nullable=False),
    Column("EventCount", sa.Integer, nullable=False, default=1),
    product_column(nullable=True),
    Column("DataSetName", NAME),
    Column("State", STATE, nullable=False),
    Column("Reason", LongText),
    Column("RunID", RUN_ID),
    Column("ClaimedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("UrlHash", "ETag"),
    at_least("SizeBytes", 0),
    # One for each way in which a list of files is narrowed, in the order in which it is shown.
    Index("IX_LandedFiles_LandedAt", "LandedAt"),
    Index("IX_LandedFiles_State_LandedAt", "State", "LandedAt"),
    Index("IX_LandedFiles_DataProductID_LandedAt", "DataProductID", "LandedAt"),
    Index("IX_LandedFiles_DataProductID_State_LandedAt", "DataProductID", "State", "LandedAt"),
    Index("IX_LandedFiles_DataProductID_DataSetName_LandedAt", "DataProductID", "DataSetName", "LandedAt"),
    Index("IX_LandedFiles_FileName_LandedAt", "FileName", "LandedAt"),
    # What a run took in, counted by dataset without a look at the files.
    Index("IX_LandedFiles_RunID_State", "RunID", "State", "DataSetName"),
)

# What the dataset's pattern took from a file's path, by the name of the parameter; no row where it takes nothing.
landed_file_values = Table(
    "LandedFileValues",
    metadata,
    Column(
        "LandedFileID", BigId, ForeignKey("LandedFiles.LandedFileID"), primary_key=True, autoincrement=False
    ),
    *json_columns("Captured"),
)

# Files that are taken in together or not at all: a dataset says what makes them complete.
landing_sets = Table(
    "LandingSets",
    metadata,
    id_column("LandingSetID"),
    product_column(),
    Column("DataSetName", NAME, nullable=False),
    # The captured values that name the set, `2026-01` or so; empty where sets follow one another.
    Column("SetKey", sa.Unicode(256), nullable=False),
    Column("SetNumber", sa.Integer, nullable=False),
    Column("State", STATE, nullable=False),
    Column("OpenedAt", UtcDateTime, nullable=False),
    Column("DeadlineAt", UtcDateTime),
    Column("CompletedAt", UtcDateTime),
    # When the marker or manifest was written: what was written before it belongs to the set.
    Column("ClosedAt", UtcDateTime),
    # The names that a manifest lists.
    *json_columns("Expected", nullable=True),
    UniqueConstraint("DataProductID", "DataSetName", "SetKey", "SetNumber"),
    Index("IX_LandingSets_State_DeadlineAt", "State", "DeadlineAt"),
)

landing_set_files = Table(
    "LandingSetFiles",
    metadata,
    Column(
        "LandedFileID", BigId, ForeignKey("LandedFiles.LandedFileID"), primary_key=True, autoincrement=False
    ),
    Column("LandingSetID", BigId, ForeignKey("LandingSets.LandingSetID"), nullable=False, index=True),
)

# Messages that are no event of a finished file, or that could not be handled: kept until somebody decides.
dead_letters = Table(
    "DeadLetters",
    metadata,
    id_column("DeadLetterID"),
    Column("Source", STATE, nullable=False),
    Column("Payload", LongText, nullable=False),
    Column("PayloadHash", sa.Unicode(64), nullable=False, unique=True),
    Column("ErrorCode", sa.Unicode(64)),
    Column("Reason", LongText, nullable=False),
    Column("State", STATE, nullable=False),
    Column("EventCount", sa.Integer, nullable=False, default=1),
    Column("FirstSeenAt", UtcDateTime, nullable=False),
    Column("LastSeenAt", UtcDateTime, nullable=False),
    Column("EndedAt", UtcDateTime),
    Column("EndedBy", NAME),
    at_least("EventCount", 1),
    Index("IX_DeadLetters_State_DeadLetterID", "State", "DeadLetterID"),
)

watermarks = Table(
    "Watermarks",
    metadata,
    id_column("WatermarkID"),
    product_column(),
    Column("DataSetName", NAME, nullable=False),
    Column("WatermarkValue", sa.Unicode(256), nullable=False),
    # Table and column that it is a value of, and the number of the copy that ended there. Never empty, though they
    # may be: SQLite adds no other column to a table with rows.
    Column("WatermarkOf", sa.Unicode(1024)),
    Column("CopyNumber", sa.Integer),
    Column("RunID", RUN_ID),
    Column("CommittedAt", UtcDateTime, nullable=False),
    UniqueConstraint("DataProductID", "DataSetName"),
)
