"""Every table of Landfall's database, for Azure SQL and SQLite alike."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, ExactName, JsonText, LongText, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "pk": "PK_%(table_name)s",
        "fk": "FK_%(table_name)s_%(column_0_N_name)s",
        "uq": "UQ_%(table_name)s_%(column_0_N_name)s",
        "ix": "IX_%(table_name)s_%(column_0_N_name)s",
        "ck": "CK_%(table_name)s_%(constraint_name)s",
    }
)

_NAME = sa.Unicode(128)
_STATE = sa.Unicode(16)
_RUN_ID = sa.Unicode(32)
_NODE_KEY = sa.Unicode(160)


# Defaults are set by SQLAlchemy: one of the server's is a constraint on Azure SQL, and it cannot be named.


def _id(name: str) -> Column[int]:
    return Column(name, BigId, primary_key=True, autoincrement=True)


def _json(name: str, *, nullable: bool = False) -> tuple[Column[Any], CheckConstraint, CheckConstraint]:
    """Return a JSON column with the checks that keep it an object or array on either database."""
    return (
        Column(name, JsonText, nullable=nullable),
        # ISJSON says 0 to a bare text or number, json_valid says 1.
        CheckConstraint(f"ISJSON([{name}]) = 1", name=f"{name}_IsJson").ddl_if(dialect="mssql"),
        # SQLite says differently from release to release what json_valid is of NULL.
        CheckConstraint(
            f'"{name}" IS NULL OR json_valid("{name}") AND substr("{name}", 1, 1) IN (\'{{\', \'[\')',
            name=f"{name}_IsJson",
        ).ddl_if(dialect="sqlite"),
    )


def _at_least(name: str, least: int) -> CheckConstraint:
    """Return the check that a counter never falls below ``least``: whoever counts twice is refused."""
    return CheckConstraint(sa.column(name) >= sa.literal_column(str(least)), name=name)


def _product(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(
        "DataProductID",
        BigId,
        ForeignKey("DataProducts.DataProductID"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=nullable,
    )


# --- Authoring -------------------------------------------------------------------------------------

data_products = Table(
    "DataProducts",
    metadata,
    _id("DataProductID"),
    Column("Domain", _NAME, nullable=False),
    Column("Name", _NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("OwnerTeam", _NAME, nullable=False),
    Column("OwnerEmail", sa.Unicode(320), nullable=False),
    # The version that the next run pins; a run in flight keeps the one it was opened with.
    Column("CurrentVersion", sa.Integer, nullable=False),
    UniqueConstraint("Domain", "Name"),
)

metadata_versions = Table(
    "MetadataVersions",
    metadata,
    _id("MetadataVersionID"),
    _product(),
    Column("VersionNumber", sa.Integer, nullable=False),
    *_json("Spec"),
    Column("SpecHash", sa.Unicode(64), nullable=False),
    Column("AppliedAt", UtcDateTime, nullable=False),
    Column("AppliedBy", _NAME, nullable=False),
    # Set when this version restores an older one.
    Column("RestoresVersion", sa.Integer),
    UniqueConstraint("DataProductID", "VersionNumber"),
)

data_sources = Table(
    "DataSources",
    metadata,
    _id("DataSourceID"),
    _product(),
    Column("Name", _NAME, nullable=False),
    Column("Type", _STATE, nullable=False),
    Column("ConnectionString", sa.Unicode(1024)),
    Column("Format", _STATE),
    *_json("Options"),
    UniqueConstraint("DataProductID", "Name"),
)

data_sets = Table(
    "DataSets",
    metadata,
    _id("DataSetID"),
    _product(),
    Column("DataSourceID", BigId, ForeignKey("DataSources.DataSourceID"), index=True),
    Column("Name", _NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("Layer", _STATE, nullable=False),
    Column("LandingPath", sa.Unicode(512)),
    *_json("Schema"),
    UniqueConstraint("DataProductID", "Name"),
)

transformations = Table(
    "Transformations",
    metadata,
    _id("TransformationID"),
    _product(),
    Column("Name", _NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    # The step's type, or 'steps' where there are several.
    Column("Type", _STATE, nullable=False),
    *_json("Configuration"),
    UniqueConstraint("DataProductID", "Name"),
)

transformation_dependencies = Table(
    "TransformationDependencies",
    metadata,
    _id("DependencyID"),
    Column("TransformationID", BigId, ForeignKey("Transformations.TransformationID"), nullable=False),
    Column(
        "DependsOnTransformationID",
        BigId,
        ForeignKey("Transformations.TransformationID"),
        nullable=False,
        index=True,
    ),
    UniqueConstraint("TransformationID", "DependsOnTransformationID"),
)

transformation_data_sets = Table(
    "TransformationDataSets",
    metadata,
    _id("TransformationDataSetID"),
    Column("TransformationID", BigId, ForeignKey("Transformations.TransformationID"), nullable=False),
    # Empty for another product's port, which ForeignPort names.
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), index=True),
    Column("ForeignPort", sa.Unicode(400)),
    Column("Role", _STATE, nullable=False),
    CheckConstraint(sa.column("Role").in_(["input", "output"]), name="Role"),
    CheckConstraint(
        (sa.column("DataSetID").is_(None) & sa.column("ForeignPort").is_not(None))
        | (sa.column("DataSetID").is_not(None) & sa.column("ForeignPort").is_(None)),
        name="OneDataSet",
    ),
    Index("IX_TransformationDataSets_TransformationID", "TransformationID", "Role"),
)

data_quality_rules = Table(
    "DataQualityRules",
    metadata,
    _id("RuleID"),
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), nullable=False),
    Column("Name", _NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("Type", sa.Unicode(32), nullable=False),
    Column("Severity", _STATE, nullable=False),
    *_json("Configuration"),
    UniqueConstraint("DataSetID", "Name"),
)

ports = Table(
    "Ports",
    metadata,
    _id("PortID"),
    _product(),
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), nullable=False, index=True),
    Column("Version", sa.Integer, nullable=False),
    Column("Contract", sa.Unicode(512)),
    UniqueConstraint("DataProductID", "DataSetID", "Version"),
)

# --- Configuration ---------------------------------------------------------------------------------

configuration_category = Table(
    "ConfigurationCategory",
    metadata,
    _id("CategoryID"),
    Column("CategoryName", _NAME, nullable=False, unique=True),
)

configuration_item = Table(
    "ConfigurationItem",
    metadata,
    _id("ItemID"),
    Column("CategoryID", BigId, ForeignKey("ConfigurationCategory.CategoryID"), nullable=False),
    # 'key', or 'key@DataProductID' for the value of one product.
    Column("ItemKey", _NAME, nullable=False),
    Column("ItemValue", LongText),
    Column("Description", LongText),
    UniqueConstraint("CategoryID", "ItemKey"),
)

configuration_version = Table(
    "ConfigurationVersion",
    metadata,
    _id("VersionID"),
    Column("ItemID", BigId, ForeignKey("ConfigurationItem.ItemID"), nullable=False),
    Column("VersionNumber", sa.Integer, nullable=False),
    Column("ItemValue", LongText),
    # Who set it and when, which is before it takes effect where it was scheduled.
    Column("SetAt", UtcDateTime),
    Column("SetBy", _NAME),
    Column("EffectiveDate", UtcDateTime, nullable=False),
    # Exclusive; empty while nothing follows.
    Column("ExpirationDate", UtcDateTime),
    UniqueConstraint("ItemID", "VersionNumber"),
    # Equal where another version for the same instant replaced this one.
    CheckConstraint(sa.column("ExpirationDate") >= sa.column("EffectiveDate"), name="Period"),
    Index("IX_ConfigurationVersion_ItemID_EffectiveDate", "ItemID", "EffectiveDate"),
    # Two transactions that both append to the history of an item: one of them is refused.
    Index(
        "UQ_ConfigurationVersion_ItemID_Open",
        "ItemID",
        unique=True,
        mssql_where=sa.text("[ExpirationDate] IS NULL"),
        sqlite_where=sa.text('"ExpirationDate" IS NULL'),
    ),
)

# --- Landing ---------------------------------------------------------------------------------------

landed_files = Table(
    "LandedFiles",
    metadata,
    _id("LandedFileID"),
    Column("Url", sa.Unicode(2048), nullable=False),
    # An index key on SQL Server holds 1,700 bytes, fewer than a URL may have: the hash stands for it.
    Column("UrlHash", sa.Unicode(64), nullable=False),
    Column("ETag", sa.Unicode(64), nullable=False),
    Column("SizeBytes", sa.BigInteger, nullable=False),
    Column("Sequencer", sa.Unicode(80)),
    Column("EventTime", UtcDateTime, nullable=False),
    Column("LandedAt", UtcDateTime, nullable=False),
    Column("EventCount", sa.Integer, nullable=False, default=1),
    _product(nullable=True),
    Column("DataSetName", _NAME),
    Column("State", _STATE, nullable=False),
    Column("Reason", LongText),
    Column("RunID", _RUN_ID, index=True),
    Column("ClaimedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("UrlHash", "ETag"),
    _at_least("SizeBytes", 0),
    Index("IX_LandedFiles_DataProductID_State", "DataProductID", "State"),
    Index("IX_LandedFiles_State_LandedAt", "State", "LandedAt"),
)

# What the dataset's pattern took from a file's path, by the name of the parameter; no row where it takes nothing.
landed_file_values = Table(
    "LandedFileValues",
    metadata,
    Column(
        "LandedFileID", BigId, ForeignKey("LandedFiles.LandedFileID"), primary_key=True, autoincrement=False
    ),
    *_json("Captured"),
)

# Files that are taken in together or not at all: a dataset says what makes them complete.
landing_sets = Table(
    "LandingSets",
    metadata,
    _id("LandingSetID"),
    _product(),
    Column("DataSetName", _NAME, nullable=False),
    # The captured values that name the set, `2026-01` or so; empty where sets follow one another.
    Column("SetKey", sa.Unicode(256), nullable=False),
    Column("SetNumber", sa.Integer, nullable=False),
    Column("State", _STATE, nullable=False),
    Column("OpenedAt", UtcDateTime, nullable=False),
    Column("DeadlineAt", UtcDateTime),
    Column("CompletedAt", UtcDateTime),
    # When the marker or manifest was written: what was written before it belongs to the set.
    Column("ClosedAt", UtcDateTime),
    # The names that a manifest lists.
    *_json("Expected", nullable=True),
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
    _id("DeadLetterID"),
    Column("Source", _STATE, nullable=False),
    Column("Payload", LongText, nullable=False),
    Column("PayloadHash", sa.Unicode(64), nullable=False, unique=True),
    Column("ErrorCode", sa.Unicode(64)),
    Column("Reason", LongText, nullable=False),
    Column("State", _STATE, nullable=False),
    Column("EventCount", sa.Integer, nullable=False, default=1),
    Column("FirstSeenAt", UtcDateTime, nullable=False),
    Column("LastSeenAt", UtcDateTime, nullable=False),
    Column("EndedAt", UtcDateTime),
    Column("EndedBy", _NAME),
    _at_least("EventCount", 1),
    Index("IX_DeadLetters_State_DeadLetterID", "State", "DeadLetterID"),
)

watermarks = Table(
    "Watermarks",
    metadata,
    _id("WatermarkID"),
    _product(),
    Column("DataSetName", _NAME, nullable=False),
    Column("WatermarkValue", sa.Unicode(256), nullable=False),
    Column("RunID", _RUN_ID),
    Column("CommittedAt", UtcDateTime, nullable=False),
    UniqueConstraint("DataProductID", "DataSetName"),
)

# --- Runs ------------------------------------------------------------------------------------------

run_requests = Table(
    "RunRequests",
    metadata,
    Column("RequestID", _RUN_ID, primary_key=True),
    _product(),
    Column("Trigger", _STATE, nullable=False),
    # Datasets to start from; empty means every landed dataset of the product.
    *_json("DataSets"),
    *_json("Parameters"),
    Column("CallbackUri", sa.Unicode(2048)),
    Column("IdempotencyKey", ExactName),
    Column("State", _STATE, nullable=False),
    Column("Reason", LongText),
    Column("RunID", _RUN_ID, index=True),
    Column("RequestedAt", UtcDateTime, nullable=False),
    Column("RequestedBy", _NAME, nullable=False),
    Index("IX_RunRequests_DataProductID_State", "DataProductID", "State"),
    Index(
        "UQ_RunRequests_DataProductID_IdempotencyKey",
        "DataProductID",
        "IdempotencyKey",
        unique=True,
        # SQL Server counts two NULLs as equal in a unique index, so they stay outside of it.
        mssql_where=sa.text("[IdempotencyKey] IS NOT NULL"),
        sqlite_where=sa.text('"IdempotencyKey" IS NOT NULL'),
    ),
)

runs = Table(
    "Runs",
    metadata,
    Column("RunID", _RUN_ID, primary_key=True),
    _product(),
    Column("MetadataVersion", sa.Integer, nullable=False),
    Column("Trigger", _STATE, nullable=False),
    Column("State", _STATE, nullable=False),
    Column("Reason", LongText),
    Column("NodeCount", sa.Integer, nullable=False),
    # Nodes not in a final state, nodes that hold one of the MaxParallelNodes places, and ready nodes that hold
    # none: kept with every change of a node, so that no node has to count the others.
    Column("OpenNodes", sa.Integer, nullable=False),
    Column("ActiveNodes", sa.Integer, nullable=False, default=0),
    # Never empty, though the column may be: SQLite adds no other to a table with rows.
    Column("ReadyNodes", sa.Integer, default=0),
    # When a node of the run was given a place last: of products that hold as many, the other one comes first.
    Column("LastPlaceAt", UtcDateTime),
    Column("MaxParallelNodes", sa.Integer, nullable=False),
    # The former run of which this one executes a part again.
    Column("RerunOf", _RUN_ID),
    # Settings and configuration values the run started with.
    *_json("Settings"),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("StartedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    Column("CancelRequestedAt", UtcDateTime),
    Column("CancelRequestedBy", _NAME),
    _at_least("OpenNodes", 0),
    _at_least("ActiveNodes", 0),
    Index("IX_Runs_DataProductID_CreatedAt", "DataProductID", "CreatedAt"),
    Index("IX_Runs_State_CreatedAt", "State", "CreatedAt"),
)

# Who is told how a request ended: an address is a bearer secret, so it is emptied once nobody needs it.
callbacks = Table(
    "Callbacks",
    metadata,
    _id("CallbackID"),
    Column("RequestID", _RUN_ID, ForeignKey("RunRequests.RequestID"), nullable=False),
    Column("Uri", sa.Unicode(2048)),
    # The same address for the same request is one callback.
    Column("UriHash", sa.Unicode(64), nullable=False),
    Column("Host", sa.Unicode(256), nullable=False),
    Column("State", _STATE, nullable=False),
    Column("Attempts", sa.Integer, nullable=False, default=0),
    Column("NextAttemptAt", UtcDateTime, nullable=False),
    Column("LastStatus", sa.Integer),
    Column("Detail", LongText),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("RequestID", "UriHash"),
    _at_least("Attempts", 0),
    Index("IX_Callbacks_State_NextAttemptAt", "State", "NextAttemptAt"),
)

# Every file that a run has claimed, kept when another run claims it again.
run_files = Table(
    "RunFiles",
    metadata,
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column(
        "LandedFileID",
        BigId,
        ForeignKey("LandedFiles.LandedFileID"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
)

backfills = Table(
    "Backfills",
    metadata,
    Column("BackfillID", _RUN_ID, primary_key=True),
    _product(),
    # What it takes in again, as it was asked for: datasets, and a range of file ids or of instants.
    *_json("Selection"),
    Column("State", _STATE, nullable=False),
    Column("Reason", LongText),
    Column("IdempotencyKey", ExactName),
    Column("FileCount", sa.Integer, nullable=False),
    Column("RequestedAt", UtcDateTime, nullable=False),
    Column("RequestedBy", _NAME, nullable=False),
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
    Column("BackfillID", _RUN_ID, ForeignKey("Backfills.BackfillID"), primary_key=True),
    Column("ChunkNumber", sa.Integer, primary_key=True, autoincrement=False),
    Column("State", _STATE, nullable=False),
    Column("Reason", LongText),
    Column("FileCount", sa.Integer, nullable=False),
    # The newest run that took the chunk in.
    Column("RunID", _RUN_ID, index=True),
    Column("FinishedAt", UtcDateTime),
)

backfill_files = Table(
    "BackfillFiles",
    metadata,
    Column("BackfillID", _RUN_ID, ForeignKey("Backfills.BackfillID"), primary_key=True),
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

run_plans = Table(
    "RunPlans",
    metadata,
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    *_json("Plan"),
    Column("PlanHash", sa.Unicode(64), nullable=False),
)

node_runs = Table(
    "NodeRuns",
    metadata,
    _id("NodeRunID"),
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", _NODE_KEY, nullable=False),
    Column("Kind", _STATE, nullable=False),
    Column("State", _STATE, nullable=False),
    # Predecessors that have not succeeded yet; the node is ready at zero.
    Column("WaitingFor", sa.Integer, nullable=False),
    Column("Priority", sa.Integer, nullable=False),
    Column("Attempt", sa.Integer, nullable=False, default=1),
    # The node's part of the pinned plan, so that starting a node reads no more than the node.
    *_json("Definition"),
    # 'run/node' that claimed the place and has to start the node, or who else did.
    Column("ClaimedBy", _NODE_KEY),
    Column("ClaimedAt", UtcDateTime),
    # The node's turn at the Jobs API; HoldReason says why it waits beyond it.
    Column("SubmitAt", UtcDateTime),
    Column("HoldReason", LongText),
    Column("StartedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    Column("JobRunID", sa.BigInteger),
    Column("JobRunUrl", sa.Unicode(1024)),
    Column("ErrorCode", sa.Unicode(64)),
    Column("Reason", LongText),
    Column("RowsRead", sa.BigInteger),
    Column("RowsPublished", sa.BigInteger),
    Column("RowsQuarantined", sa.BigInteger),
    *_json("Result", nullable=True),
    UniqueConstraint("RunID", "NodeKey"),
    _at_least("WaitingFor", 0),
    _at_least("Attempt", 1),
    Index("IX_NodeRuns_RunID_State_Priority", "RunID", "State", "Priority"),
    Index("IX_NodeRuns_State_ClaimedAt", "State", "ClaimedAt"),
)

node_run_edges = Table(
    "NodeRunEdges",
    metadata,
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("FromNode", _NODE_KEY, primary_key=True),
    Column("ToNode", _NODE_KEY, primary_key=True),
)

node_attempts = Table(
    "NodeAttempts",
    metadata,
    _id("NodeAttemptID"),
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", _NODE_KEY, nullable=False),
    Column("Attempt", sa.Integer, nullable=False),
    Column("IdempotencyKey", sa.Unicode(64), nullable=False),
    Column("JobRunID", sa.BigInteger),
    Column("State", _STATE, nullable=False),
    # Whose failure it was: user, infrastructure or capacity; empty unless the attempt failed.
    Column("Failure", _STATE),
    Column("ErrorCode", sa.Unicode(64)),
    Column("Reason", LongText),
    Column("SubmittedAt", UtcDateTime, nullable=False),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("RunID", "NodeKey", "Attempt"),
)

run_events = Table(
    "RunEvents",
    metadata,
    _id("RunEventID"),
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", _NODE_KEY),
    Column("FromState", _STATE),
    Column("ToState", _STATE, nullable=False),
    Column("OccurredAt", UtcDateTime, nullable=False),
    Column("Actor", _NAME, nullable=False),
    Column("Detail", LongText),
    Index("IX_RunEvents_RunID_RunEventID", "RunID", "RunEventID"),
)

data_quality_results = Table(
    "DataQualityResults",
    metadata,
    _id("DataQualityResultID"),
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", _NODE_KEY, nullable=False),
    Column("DataSetName", _NAME, nullable=False),
    Column("RuleName", _NAME, nullable=False),
    Column("Severity", _STATE, nullable=False),
    Column("RowsChecked", sa.BigInteger, nullable=False),
    Column("RowsFailed", sa.BigInteger, nullable=False),
    Column("RowsCorrected", sa.BigInteger),
    # Hash of what the rule said; the runtime's built-in tests have none.
    Column("RuleVersion", sa.Unicode(64)),
    # Of the pass in which the rule was tested, together with others.
    Column("DurationMs", sa.BigInteger),
    # Keys of a few failing rows as a JSON list of texts; no check of its form can be added to a table on SQLite.
    Column("SampleKeys", LongText),
    Column("Detail", LongText),
    Column("CheckedAt", UtcDateTime, nullable=False),
    UniqueConstraint("RunID", "NodeKey", "RuleName"),
)

published_data_sets = Table(
    "PublishedDataSets",
    metadata,
    _product(primary_key=True),
    Column("DataSetName", _NAME, primary_key=True),
    Column("RunID", _RUN_ID, nullable=False),
    Column("PublishedAt", UtcDateTime, nullable=False),
    Column("TableVersion", sa.BigInteger),
    Column("Rows", sa.BigInteger),
)

# What an incremental node last built from; written in the transaction that settles the node.
transformation_states = Table(
    "TransformationStates",
    metadata,
    _product(primary_key=True),
    Column("NodeKey", _NODE_KEY, primary_key=True),
    Column("RunID", _RUN_ID, nullable=False),
    # What the node did then: another definition has other rows of the same input.
    Column("DefinitionHash", sa.Unicode(64), nullable=False),
    # Version and stamp of each input, by the name of the input.
    *_json("Inputs"),
    Column("BuiltAt", UtcDateTime, nullable=False),
)

# --- Lineage ---------------------------------------------------------------------------------------

lineage_edges = Table(
    "LineageEdges",
    metadata,
    _id("LineageEdgeID"),
    Column("RunID", _RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", _NODE_KEY, nullable=False),
    Column("SourceDataSet", sa.Unicode(400), nullable=False),
    Column("TargetDataSet", sa.Unicode(400), nullable=False),
    Column("RecordedAt", UtcDateTime, nullable=False),
    UniqueConstraint("RunID", "SourceDataSet", "TargetDataSet"),
    Index("IX_LineageEdges_TargetDataSet", "TargetDataSet"),
)

column_lineage = Table(
    "ColumnLineage",
    metadata,
    _id("ColumnLineageID"),
    _product(),
    Column("MetadataVersion", sa.Integer, nullable=False),
    Column("SourceDataSet", sa.Unicode(400), nullable=False),
    Column("SourceColumn", _NAME, nullable=False),
    Column("TargetDataSet", sa.Unicode(400), nullable=False),
    Column("TargetColumn", _NAME, nullable=False),
    Column("Kind", _STATE, nullable=False),
    Index("IX_ColumnLineage_DataProductID_MetadataVersion", "DataProductID", "MetadataVersion"),
    # Lineage is walked from either end, one level of datasets at a time.
    Index("IX_ColumnLineage_SourceDataSet", "SourceDataSet"),
    Index("IX_ColumnLineage_TargetDataSet", "TargetDataSet"),
)

# --- Coordination ----------------------------------------------------------------------------------

product_leases = Table(
    "ProductLeases",
    metadata,
    _product(primary_key=True),
    Column("State", _STATE, nullable=False),
    Column("InstanceID", sa.Unicode(256), nullable=False),
    Column("ChangedAt", UtcDateTime, nullable=False),
    # Set while the product is paused: it opens no new run, whatever waits.
    Column("PausedAt", UtcDateTime),
    Column("PausedBy", _NAME),
    Column("PauseReason", LongText),
)

# When each schedule of a product's current version comes due; the timer takes what is due and moves it on.
product_schedules = Table(
    "ProductSchedules",
    metadata,
    _id("ProductScheduleID"),
    _product(),
    Column("Cron", _NAME, nullable=False),
    Column("TimeZone", sa.Unicode(64), nullable=False),
    Column("NextDueAt", UtcDateTime, nullable=False, index=True),
    Column("LastDueAt", UtcDateTime),
    UniqueConstraint("DataProductID", "Cron", "TimeZone"),
)

# What somebody has to know of, one row for as long as it lasts.
alarms = Table(
    "Alarms",
    metadata,
    _id("AlarmID"),
    Column("Name", sa.Unicode(64), nullable=False),
    _product(nullable=True),
    Column("Subject", sa.Unicode(600), nullable=False),
    Column("Detail", LongText, nullable=False),
    Column("RaisedAt", UtcDateTime, nullable=False),
    Column("ClearedAt", UtcDateTime),
    # Two timers that find the same cause at the same instant: one of them is refused.
    Index(
        "UQ_Alarms_Name_Subject_Open",
        "Name",
        "Subject",
        unique=True,
        mssql_where=sa.text("[ClearedAt] IS NULL"),
        sqlite_where=sa.text('"ClearedAt" IS NULL'),
    ),
    Index("IX_Alarms_DataProductID_RaisedAt", "DataProductID", "RaisedAt"),
)

# One row, held by whoever gives places to nodes: what limits all products is decided by one at a time. The
# instants are the token buckets of the Jobs API, each the time at which the bucket is full again.
node_gate = Table(
    "NodeGate",
    metadata,
    Column("GateID", sa.Integer, primary_key=True, autoincrement=False),
    Column("ChangedAt", UtcDateTime, nullable=False),
    Column("SecondFullAt", UtcDateTime, nullable=False),
    Column("HourFullAt", UtcDateTime, nullable=False),
    # The Jobs API asked everybody to wait until then.
    Column("HeldUntil", UtcDateTime),
    Column("HoldReason", LongText),
)

# What operators did beside runs, whose acts are in RunEvents: never changed, only added to.
operator_acts = Table(
    "OperatorActs",
    metadata,
    _id("OperatorActID"),
    Column("Act", _STATE, nullable=False),
    _product(nullable=True),
    Column("LandedFileID", BigId, ForeignKey("LandedFiles.LandedFileID"), index=True),
    # State of the file before; empty where the act was on a product.
    Column("FromState", _STATE),
    Column("OccurredAt", UtcDateTime, nullable=False),
    Column("Actor", _NAME, nullable=False),
    Column("Detail", LongText),
    Index("IX_OperatorActs_DataProductID_OperatorActID", "DataProductID", "OperatorActID"),
)
