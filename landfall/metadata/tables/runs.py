"""Requests, runs and their nodes, and what came of them."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, ExactName, LongText, UtcDateTime
from landfall.metadata.tables.base import (
    NAME,
    NODE_KEY,
    RUN_ID,
    STATE,
    at_least,
    id_column,
    json_columns,
    metadata,
    product_column,
)

run_requests = Table(
    "RunRequests",
    metadata,
    Column("RequestID", RUN_ID, primary_key=True),
    product_column(),
    Column("Trigger", STATE, nullable=False),
    # Datasets to start from; empty means every landed dataset of the product.
    *json_columns("DataSets"),
    *json_columns("Parameters"),
    Column("IdempotencyKey", ExactName),
    Column("State", STATE, nullable=False),
    Column("Reason", LongText),
    Column("RunID", RUN_ID, index=True),
    Column("RequestedAt", UtcDateTime, nullable=False),
    Column("RequestedBy", NAME, nullable=False),
    Index("IX_RunRequests_DataProductID_State", "DataProductID", "State"),
    Index("IX_RunRequests_RequestedAt", "RequestedAt", "RequestID"),
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
    Column("RunID", RUN_ID, primary_key=True),
    product_column(),
    Column("MetadataVersion", sa.Integer, nullable=False),
    Column("Trigger", STATE, nullable=False),
    Column("State", STATE, nullable=False),
    Column("Reason", LongText),
    Column("NodeCount", sa.Integer, nullable=False),
    # Nodes not in a final state, nodes that hold one of the MaxParallelNodes places, and ready nodes that hold
    # none: kept with every change of a node, so that no node has to count the others.
    Column("OpenNodes", sa.Integer, nullable=False),
    Column("ActiveNodes", sa.Integer, nullable=False, default=0),
    # Never empty, though the column may be: SQLite adds no other to a table with rows.
    Column("ReadyNodes", sa.Integer, default=0),
    # Rows of all nodes that have ended with a result; never empty either, and kept in the same way.
    Column("RowsRead", sa.BigInteger, default=0),
    Column("RowsPublished", sa.BigInteger, default=0),
    Column("RowsQuarantined", sa.BigInteger, default=0),
    # When a node of the run was given a place last: of products that hold as many, the other one comes first.
    Column("LastPlaceAt", UtcDateTime),
    # Where nodes share job runs, a pack takes the place: then the two counters above are about packs.
    Column("MaxParallelNodes", sa.Integer, nullable=False),
    # Most nodes that share a job run; empty where each has one of its own.
    Column("PackNodes", sa.Integer),
    # The former run of which this one executes a part again.
    Column("RerunOf", RUN_ID),
    # Settings and configuration values the run started with.
    *json_columns("Settings"),
    Column("CreatedAt", UtcDateTime, nullable=False),
    Column("StartedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    Column("CancelRequestedAt", UtcDateTime),
    Column("CancelRequestedBy", NAME),
    at_least("OpenNodes", 0),
    at_least("ActiveNodes", 0),
    Index("IX_Runs_DataProductID_CreatedAt", "DataProductID", "CreatedAt"),
    Index("IX_Runs_State_CreatedAt", "State", "CreatedAt"),
    Index("IX_Runs_CreatedAt", "CreatedAt"),
    Index("IX_Runs_FinishedAt", "FinishedAt"),
    Index("IX_Runs_DataProductID_State_CreatedAt", "DataProductID", "State", "CreatedAt"),
)

# Every file that a run has claimed, kept when another run claims it again.
run_files = Table(
    "RunFiles",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column(
        "LandedFileID",
        BigId,
        ForeignKey("LandedFiles.LandedFileID"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
)

# The pinned plan but for what grows with it: its nodes are those of NodeRuns, in their order, their inputs from other
# products have a version in NodeRunPorts, and what could not be part of it is in LeftOutNodes.
run_plans = Table(
    "RunPlans",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    # Product, version of the metadata, and the datasets whose new data started the run.
    *json_columns("Plan"),
    Column("PlanHash", sa.Unicode(64), nullable=False),
)

left_out_nodes = Table(
    "LeftOutNodes",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("NodeKey", NODE_KEY, primary_key=True),
    Column("Reason", LongText, nullable=False),
)

# The major version of each port of another product that a node reads.
node_run_ports = Table(
    "NodeRunPorts",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("NodeKey", NODE_KEY, primary_key=True),
    # Of the input in the node's definition, counted from 0.
    Column("Position", sa.Integer, primary_key=True, autoincrement=False),
    Column("Version", sa.Integer, nullable=False),
)

node_runs = Table(
    "NodeRuns",
    metadata,
    id_column("NodeRunID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", NODE_KEY, nullable=False),
    Column("Kind", STATE, nullable=False),
    Column("State", STATE, nullable=False),
    # Predecessors that have not succeeded yet; the node is ready at zero.
    Column("WaitingFor", sa.Integer, nullable=False),
    # Milliseconds that the longest path from here to an end of the plan is expected to take; the highest goes first.
    Column("Priority", sa.Integer, nullable=False),
    Column("Attempt", sa.Integer, nullable=False, default=1),
    # The node's part of the pinned plan, so that starting a node reads no more than the node.
    *json_columns("Definition"),
    # 'run/node' that claimed the place and has to start the node, or who else did.
    Column("ClaimedBy", NODE_KEY),
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
    *json_columns("Result", nullable=True),
    # That of the run. Never empty, though the column may be: SQLite adds no other to a table with rows.
    Column("DataProductID", BigId),
    # Where the node belongs in a graph that is shown in parts; never empty either.
    Column("Layer", STATE),
    Column("Step", sa.Integer),
    Column("Band", sa.Integer),
    # The predecessor that succeeded last so far: once the node is ready, the one that it was waiting for.
    Column("WaitedFor", NODE_KEY),
    # The pack whose job run executes the node; empty where it has one of its own.
    Column("PackKey", NODE_KEY),
    # What its job took, for the packs and the order of later runs.
    Column("JobMs", sa.BigInteger),
    UniqueConstraint("RunID", "NodeKey"),
    at_least("WaitingFor", 0),
    at_least("Attempt", 1),
    # By it nodes are claimed; and as it has all that a graph in parts and a timeline are made of, no node of ten
    # thousand is looked at for them.
    Index(
        "IX_NodeRuns_RunID_State",
        "RunID",
        "State",
        "Priority",
        "Layer",
        "Band",
        "Step",
        "StartedAt",
        "FinishedAt",
    ),
    # The order of the plan.
    Index("IX_NodeRuns_RunID_NodeRunID", "RunID", "NodeRunID"),
    # Each node asks which of its former runs came to nothing: that must not mean a look at all of them.
    Index(
        "IX_NodeRuns_NotSucceeded",
        "DataProductID",
        "NodeKey",
        "RunID",
        mssql_where=sa.text("[State] IN ('cancelled', 'failed')"),
        sqlite_where=sa.text("\"State\" IN ('cancelled', 'failed')"),
    ),
    Index("IX_NodeRuns_State_ClaimedAt", "State", "ClaimedAt"),
    Index(
        "IX_NodeRuns_RunID_PackKey",
        "RunID",
        "PackKey",
        mssql_where=sa.text("[PackKey] IS NOT NULL"),
        sqlite_where=sa.text('"PackKey" IS NOT NULL'),
    ),
    # Few of a million refuse rows; they are listed without a look at the others.
    Index(
        "IX_NodeRuns_Refusing",
        "RunID",
        "NodeKey",
        "RowsQuarantined",
        mssql_where=sa.text("[RowsQuarantined] > 0"),
        sqlite_where=sa.text('"RowsQuarantined" > 0'),
    ),
    Index(
        "IX_NodeRuns_RefusingOfNode",
        "DataProductID",
        "NodeKey",
        "RunID",
        "RowsQuarantined",
        mssql_where=sa.text("[RowsQuarantined] > 0"),
        sqlite_where=sa.text('"RowsQuarantined" > 0'),
    ),
)

# Nodes of a run that share one job run, each in one attempt: a pack is submitted once, and what it leaves undone
# goes into further ones.
packs = Table(
    "Packs",
    metadata,
    id_column("PackID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    # 'pack.1', counted within the run.
    Column("PackKey", NODE_KEY, nullable=False),
    Column("State", STATE, nullable=False),
    # That of the first of its nodes.
    Column("Priority", sa.Integer, nullable=False),
    Column("ClaimedBy", NODE_KEY),
    Column("ClaimedAt", UtcDateTime),
    # Its turn at the Jobs API, or the end of the pause before an attempt that repeats others.
    Column("SubmitAt", UtcDateTime),
    Column("HoldReason", LongText),
    Column("StartedAt", UtcDateTime),
    Column("FinishedAt", UtcDateTime),
    Column("JobRunID", sa.BigInteger),
    UniqueConstraint("RunID", "PackKey"),
    Index("IX_Packs_RunID_State_Priority", "RunID", "State", "Priority"),
    # Those that were claimed and not started yet, of any run.
    Index("IX_Packs_State_ClaimedAt", "State", "ClaimedAt"),
)

node_run_edges = Table(
    "NodeRunEdges",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("FromNode", NODE_KEY, primary_key=True),
    Column("ToNode", NODE_KEY, primary_key=True),
    # With both ends: else looking for them through all edges of the run seems to be the shorter way.
    Index("IX_NodeRunEdges_RunID_ToNode_FromNode", "RunID", "ToNode", "FromNode"),
)

node_attempts = Table(
    "NodeAttempts",
    metadata,
    id_column("NodeAttemptID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", NODE_KEY, nullable=False),
    Column("Attempt", sa.Integer, nullable=False),
    Column("IdempotencyKey", sa.Unicode(64), nullable=False),
    Column("JobRunID", sa.BigInteger),
    Column("State", STATE, nullable=False),
    # Whose failure it was: user, infrastructure or capacity; empty unless the attempt failed.
    Column("Failure", STATE),
    Column("ErrorCode", sa.Unicode(64)),
    Column("Reason", LongText),
    Column("SubmittedAt", UtcDateTime, nullable=False),
    Column("FinishedAt", UtcDateTime),
    UniqueConstraint("RunID", "NodeKey", "Attempt"),
)

# Attempts that the Jobs API may have taken without anybody knowing; a row goes once the job run is on record.
open_submissions = Table(
    "OpenSubmissions",
    metadata,
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), primary_key=True),
    Column("NodeKey", NODE_KEY, primary_key=True),
    Column("Attempt", sa.Integer, primary_key=True, autoincrement=False),
    Column("IdempotencyKey", sa.Unicode(64), nullable=False),
    Column("TimeoutS", sa.Integer, nullable=False),
    Column("OpenedAt", UtcDateTime, nullable=False),
)

run_events = Table(
    "RunEvents",
    metadata,
    id_column("RunEventID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", NODE_KEY),
    Column("FromState", STATE),
    Column("ToState", STATE, nullable=False),
    Column("OccurredAt", UtcDateTime, nullable=False),
    Column("Actor", NAME, nullable=False),
    Column("Detail", LongText),
    Index("IX_RunEvents_RunID_RunEventID", "RunID", "RunEventID"),
)

data_quality_results = Table(
    "DataQualityResults",
    metadata,
    id_column("DataQualityResultID"),
    Column("RunID", RUN_ID, ForeignKey("Runs.RunID"), nullable=False),
    Column("NodeKey", NODE_KEY, nullable=False),
    Column("DataSetName", NAME, nullable=False),
    Column("RuleName", NAME, nullable=False),
    Column("Severity", STATE, nullable=False),
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
    # That of the run: a dataset is followed over time without a look at every run. Never empty, though the column
    # may be: SQLite adds no other to a table with rows.
    Column("DataProductID", BigId),
    UniqueConstraint("RunID", "NodeKey", "RuleName"),
    Index(
        "IX_DataQualityResults_DataProductID_DataSetName_CheckedAt",
        "DataProductID",
        "DataSetName",
        "CheckedAt",
    ),
)

published_data_sets = Table(
    "PublishedDataSets",
    metadata,
    product_column(primary_key=True),
    Column("DataSetName", NAME, primary_key=True),
    Column("RunID", RUN_ID, nullable=False),
    Column("PublishedAt", UtcDateTime, nullable=False),
    Column("TableVersion", sa.BigInteger),
    Column("Rows", sa.BigInteger),
)

# What an incremental node last built from; written in the transaction that settles the node.
transformation_states = Table(
    "TransformationStates",
    metadata,
    product_column(primary_key=True),
    Column("NodeKey", NODE_KEY, primary_key=True),
    Column("RunID", RUN_ID, nullable=False),
    # What the node did then: another definition has other rows of the same input.
    Column("DefinitionHash", sa.Unicode(64), nullable=False),
    # Version and stamp of each input, by the name of the input.
    *json_columns("Inputs"),
    Column("BuiltAt", UtcDateTime, nullable=False),
)
