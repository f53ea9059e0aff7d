"""Which datasets and columns were made of which."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import LongText, UtcDateTime
from landfall.metadata.tables.base import (
    NAME,
    NODE_KEY,
    RUN_ID,
    STATE,
    at_least,
    id_column,
    metadata,
    product_column,
)

lineage_edges = Table(
    "LineageEdges",
    metadata,
    id_column("LineageEdgeID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", NODE_KEY, nullable=False),
    Column("SourceDataSet", sa.Unicode(400), nullable=False),
    Column("TargetDataSet", sa.Unicode(400), nullable=False),
    # Versions of the two tables, as the node read and wrote them; landed files have none.
    Column("SourceVersion", sa.BigInteger),
    Column("TargetVersion", sa.BigInteger),
    Column("RecordedAt", UtcDateTime, nullable=False),
    UniqueConstraint("RunID", "SourceDataSet", "TargetDataSet"),
    Index("IX_LineageEdges_TargetDataSet", "TargetDataSet"),
)

# Moments of runs that a catalogue is told of: its start and its end, written with the change of state itself.
lineage_outbox = Table(
    "LineageOutbox",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("Moment", STATE, primary_key=True),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("Attempts", sa.Integer, nullable=False, default=0),
    Column("NextAttemptAt", UtcDateTime, nullable=False),
    # Empty while it waits.
    Column("SentAt", UtcDateTime),
    Column("Detail", LongText),
    at_least("Attempts", 0),
    Index("IX_LineageOutbox_SentAt_NextAttemptAt", "SentAt", "NextAttemptAt"),
)

column_lineage = Table(
    "ColumnLineage",
    metadata,
    id_column("ColumnLineageID"),
    product_column(),
    Column("MetadataVersion", sa.Integer, nullable=False),
    Column("SourceDataSet", sa.Unicode(400), nullable=False),
    Column("SourceColumn", NAME, nullable=False),
    Column("TargetDataSet", sa.Unicode(400), nullable=False),
    Column("TargetColumn", NAME, nullable=False),
    Column("Kind", STATE, nullable=False),
    Index("IX_ColumnLineage_DataProductID_MetadataVersion", "DataProductID", "MetadataVersion"),
    # Lineage is walked from either end, one level of datasets at a time.
    Index("IX_ColumnLineage_SourceDataSet", "SourceDataSet"),
    Index("IX_ColumnLineage_TargetDataSet", "TargetDataSet"),
)
