"""The first tables: authoring, configuration, landing, runs, lineage and coordination.

Revision: 0001
Revises: nothing
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from landfall.metadata import columns

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

# In an order in which no table refers to a later one.
_TABLES = (
    "DataProducts",
    "MetadataVersions",
    "DataSources",
    "DataSets",
    "Transformations",
    "TransformationDependencies",
    "TransformationDataSets",
    "DataQualityRules",
    "Ports",
    "ConfigurationCategory",
    "ConfigurationItem",
    "ConfigurationVersion",
    "LandedFiles",
    "Watermarks",
    "RunRequests",
    "Runs",
    "RunPlans",
    "NodeRuns",
    "NodeRunEdges",
    "NodeAttempts",
    "RunEvents",
    "DataQualityResults",
    "PublishedDataSets",
    "LineageEdges",
    "ColumnLineage",
    "ProductLeases",
    "OperatorActs",
)


def upgrade() -> None:
    _create_authoring()
    _create_configuration()
    _create_landing()
    _create_runs()
    _create_lineage()
    _create_coordination()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_authoring() -> None:
    op.create_table(
        "DataProducts",
        sa.Column("DataProductID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("Domain", sa.Unicode(128), nullable=False),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("Description", columns.LongText, nullable=False),
        sa.Column("OwnerTeam", sa.Unicode(128), nullable=False),
        sa.Column("OwnerEmail", sa.Unicode(320), nullable=False),
        sa.Column("CurrentVersion", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("DataProductID", name="PK_DataProducts"),
        sa.UniqueConstraint("Domain", "Name", name="UQ_DataProducts_Domain_Name"),
    )
    op.create_table(
        "MetadataVersions",
        sa.Column("MetadataVersionID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("VersionNumber", sa.Integer, nullable=False),
        *_json("MetadataVersions", "Spec"),
        sa.Column("SpecHash", sa.Unicode(64), nullable=False),
        sa.Column("AppliedAt", columns.UtcDateTime, nullable=False),
        sa.Column("AppliedBy", sa.Unicode(128), nullable=False),
        sa.Column("RestoresVersion", sa.Integer),
        sa.PrimaryKeyConstraint("MetadataVersionID", name="PK_MetadataVersions"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_MetadataVersions_DataProductID"
        ),
        sa.UniqueConstraint(
            "DataProductID", "VersionNumber", name="UQ_MetadataVersions_DataProductID_VersionNumber"
        ),
    )
    op.create_table(
        "DataSources",
        sa.Column("DataSourceID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("Type", sa.Unicode(16), nullable=False),
        sa.Column("ConnectionString", sa.Unicode(1024)),
        sa.Column("Format", sa.Unicode(16)),
        *_json("DataSources", "Options"),
        sa.PrimaryKeyConstraint("DataSourceID", name="PK_DataSources"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_DataSources_DataProductID"
        ),
        sa.UniqueConstraint("DataProductID", "Name", name="UQ_DataSources_DataProductID_Name"),
    )
    op.create_table(
        "DataSets",
        sa.Column("DataSetID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("DataSourceID", columns.BigId),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("Description", columns.LongText, nullable=False),
        sa.Column("Layer", sa.Unicode(16), nullable=False),
        sa.Column("LandingPath", sa.Unicode(512)),
        *_json("DataSets", "Schema"),
        sa.PrimaryKeyConstraint("DataSetID", name="PK_DataSets"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_DataSets_DataProductID"
        ),
        sa.ForeignKeyConstraint(
            ["DataSourceID"], ["DataSources.DataSourceID"], name="FK_DataSets_DataSourceID"
        ),
        sa.UniqueConstraint("DataProductID", "Name", name="UQ_DataSets_DataProductID_Name"),
    )
    op.create_index("IX_DataSets_DataSourceID", "DataSets", ["DataSourceID"])
    op.create_table(
        "Transformations",
        sa.Column("TransformationID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("Description", columns.LongText, nullable=False),
        sa.Column("Type", sa.Unicode(16), nullable=False),
        *_json("Transformations", "Configuration"),
        sa.PrimaryKeyConstraint("TransformationID", name="PK_Transformations"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Transformations_DataProductID"
        ),
        sa.UniqueConstraint("DataProductID", "Name", name="UQ_Transformations_DataProductID_Name"),
    )
    op.create_table(
        "TransformationDependencies",
        sa.Column("DependencyID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("TransformationID", columns.BigId, nullable=False),
        sa.Column("DependsOnTransformationID", columns.BigId, nullable=False),
        sa.PrimaryKeyConstraint("DependencyID", name="PK_TransformationDependencies"),
        sa.ForeignKeyConstraint(
            ["TransformationID"],
            ["Transformations.TransformationID"],
            name="FK_TransformationDependencies_TransformationID",
        ),
        sa.ForeignKeyConstraint(
            ["DependsOnTransformationID"],
            ["Transformations.TransformationID"],
            name="FK_TransformationDependencies_DependsOnTransformationID",
        ),
        sa.UniqueConstraint(
            "TransformationID",
            "DependsOnTransformationID",
            name="UQ_TransformationDependencies_TransformationID_DependsOnTransformationID",
        ),
    )
    op.create_index(
        "IX_TransformationDependencies_DependsOnTransformationID",
        "TransformationDependencies",
        ["DependsOnTransformationID"],
    )
    op.create_table(
        "TransformationDataSets",
        sa.Column("TransformationDataSetID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("TransformationID", columns.BigId, nullable=False),
        sa.Column("DataSetID", columns.BigId),
        sa.Column("ForeignPort", sa.Unicode(400)),
        sa.Column("Role", sa.Unicode(16), nullable=False),
        sa.PrimaryKeyConstraint("TransformationDataSetID", name="PK_TransformationDataSets"),
        sa.ForeignKeyConstraint(
            ["TransformationID"],
            ["Transformations.TransformationID"],
            name="FK_TransformationDataSets_TransformationID",
        ),
        sa.ForeignKeyConstraint(
            ["DataSetID"], ["DataSets.DataSetID"], name="FK_TransformationDataSets_DataSetID"
        ),
        _check("TransformationDataSets", "Role", "[Role] IN ('input', 'output')"),
        _check(
            "TransformationDataSets",
            "OneDataSet",
            "[DataSetID] IS NULL AND [ForeignPort] IS NOT NULL OR [DataSetID] IS NOT NULL AND [ForeignPort] IS NULL",
        ),
    )
    op.create_index("IX_TransformationDataSets_DataSetID", "TransformationDataSets", ["DataSetID"])
    op.create_index(
        "IX_TransformationDataSets_TransformationID", "TransformationDataSets", ["TransformationID", "Role"]
    )
    op.create_table(
        "DataQualityRules",
        sa.Column("RuleID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataSetID", columns.BigId, nullable=False),
        sa.Column("Name", sa.Unicode(128), nullable=False),
        sa.Column("Description", columns.LongText, nullable=False),
        sa.Column("Type", sa.Unicode(32), nullable=False),
        sa.Column("Severity", sa.Unicode(16), nullable=False),
        *_json("DataQualityRules", "Configuration"),
        sa.PrimaryKeyConstraint("RuleID", name="PK_DataQualityRules"),
        sa.ForeignKeyConstraint(["DataSetID"], ["DataSets.DataSetID"], name="FK_DataQualityRules_DataSetID"),
        sa.UniqueConstraint("DataSetID", "Name", name="UQ_DataQualityRules_DataSetID_Name"),
    )
    op.create_table(
        "Ports",
        sa.Column("PortID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("DataSetID", columns.BigId, nullable=False),
        sa.Column("Version", sa.Integer, nullable=False),
        sa.Column("Contract", sa.Unicode(512)),
        sa.PrimaryKeyConstraint("PortID", name="PK_Ports"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Ports_DataProductID"
        ),
        sa.ForeignKeyConstraint(["DataSetID"], ["DataSets.DataSetID"], name="FK_Ports_DataSetID"),
        sa.UniqueConstraint(
            "DataProductID", "DataSetID", "Version", name="UQ_Ports_DataProductID_DataSetID_Version"
        ),
    )
    op.create_index("IX_Ports_DataSetID", "Ports", ["DataSetID"])


def _create_configuration() -> None:
    op.create_table(
        "ConfigurationCategory",
        sa.Column("CategoryID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("CategoryName", sa.Unicode(128), nullable=False),
        sa.PrimaryKeyConstraint("CategoryID", name="PK_ConfigurationCategory"),
        sa.UniqueConstraint("CategoryName", name="UQ_ConfigurationCategory_CategoryName"),
    )
    op.create_table(
        "ConfigurationItem",
        sa.Column("ItemID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("CategoryID", columns.BigId, nullable=False),
        sa.Column("ItemKey", sa.Unicode(128), nullable=False),
        sa.Column("ItemValue", columns.LongText),
        sa.Column("Description", columns.LongText),
        sa.PrimaryKeyConstraint("ItemID", name="PK_ConfigurationItem"),
        sa.ForeignKeyConstraint(
            ["CategoryID"], ["ConfigurationCategory.CategoryID"], name="FK_ConfigurationItem_CategoryID"
        ),
        sa.UniqueConstraint("CategoryID", "ItemKey", name="UQ_ConfigurationItem_CategoryID_ItemKey"),
    )
    op.create_table(
        "ConfigurationVersion",
        sa.Column("VersionID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("ItemID", columns.BigId, nullable=False),
        sa.Column("VersionNumber", sa.Integer, nullable=False),
        sa.Column("ItemValue", columns.LongText),
        sa.Column("EffectiveDate", columns.UtcDateTime, nullable=False),
        sa.Column("ExpirationDate", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("VersionID", name="PK_ConfigurationVersion"),
        sa.ForeignKeyConstraint(
            ["ItemID"], ["ConfigurationItem.ItemID"], name="FK_ConfigurationVersion_ItemID"
        ),
        sa.UniqueConstraint("ItemID", "VersionNumber", name="UQ_ConfigurationVersion_ItemID_VersionNumber"),
        _check("ConfigurationVersion", "Period", "[ExpirationDate] >= [EffectiveDate]"),
    )
    op.create_index(
        "IX_ConfigurationVersion_ItemID_EffectiveDate", "ConfigurationVersion", ["ItemID", "EffectiveDate"]
    )
    op.create_index(
        "UQ_ConfigurationVersion_ItemID_Open",
        "ConfigurationVersion",
        ["ItemID"],
        unique=True,
        mssql_where=sa.text("[ExpirationDate] IS NULL"),
        sqlite_where=sa.text("[ExpirationDate] IS NULL"),
    )


def _create_landing() -> None:
    op.create_table(
        "LandedFiles",
        sa.Column("LandedFileID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("Url", sa.Unicode(2048), nullable=False),
        sa.Column("UrlHash", sa.Unicode(64), nullable=False),
        sa.Column("ETag", sa.Unicode(64), nullable=False),
        sa.Column("SizeBytes", sa.BigInteger, nullable=False),
        sa.Column("Sequencer", sa.Unicode(80)),
        sa.Column("EventTime", columns.UtcDateTime, nullable=False),
        sa.Column("LandedAt", columns.UtcDateTime, nullable=False),
        sa.Column("EventCount", sa.Integer, nullable=False),
        sa.Column("DataProductID", columns.BigId),
        sa.Column("DataSetName", sa.Unicode(128)),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Reason", columns.LongText),
        sa.Column("RunID", sa.Unicode(32)),
        sa.Column("ClaimedAt", columns.UtcDateTime),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("LandedFileID", name="PK_LandedFiles"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_LandedFiles_DataProductID"
        ),
        sa.UniqueConstraint("UrlHash", "ETag", name="UQ_LandedFiles_UrlHash_ETag"),
        _check("LandedFiles", "SizeBytes", "[SizeBytes] >= 0"),
    )
    op.create_index("IX_LandedFiles_DataProductID_State", "LandedFiles", ["DataProductID", "State"])
    op.create_index("IX_LandedFiles_RunID", "LandedFiles", ["RunID"])
    op.create_index("IX_LandedFiles_State_LandedAt", "LandedFiles", ["State", "LandedAt"])
    op.create_table(
        "Watermarks",
        sa.Column("WatermarkID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("DataSetName", sa.Unicode(128), nullable=False),
        sa.Column("WatermarkValue", sa.Unicode(256), nullable=False),
        sa.Column("RunID", sa.Unicode(32)),
        sa.Column("CommittedAt", columns.UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("WatermarkID", name="PK_Watermarks"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Watermarks_DataProductID"
        ),
        sa.UniqueConstraint("DataProductID", "DataSetName", name="UQ_Watermarks_DataProductID_DataSetName"),
    )


def _create_runs() -> None:
    op.create_table(
        "RunRequests",
        sa.Column("RequestID", sa.Unicode(32), nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("Trigger", sa.Unicode(16), nullable=False),
        *_json("RunRequests", "DataSets"),
        *_json("RunRequests", "Parameters"),
        sa.Column("CallbackUri", sa.Unicode(2048)),
        sa.Column("IdempotencyKey", columns.ExactName),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Reason", columns.LongText),
        sa.Column("RunID", sa.Unicode(32)),
        sa.Column("RequestedAt", columns.UtcDateTime, nullable=False),
        sa.Column("RequestedBy", sa.Unicode(128), nullable=False),
        sa.PrimaryKeyConstraint("RequestID", name="PK_RunRequests"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_RunRequests_DataProductID"
        ),
    )
    op.create_index("IX_RunRequests_DataProductID_State", "RunRequests", ["DataProductID", "State"])
    op.create_index("IX_RunRequests_RunID", "RunRequests", ["RunID"])
    op.create_index(
        "UQ_RunRequests_DataProductID_IdempotencyKey",
        "RunRequests",
        ["DataProductID", "IdempotencyKey"],
        unique=True,
        mssql_where=sa.text("[IdempotencyKey] IS NOT NULL"),
        sqlite_where=sa.text("[IdempotencyKey] IS NOT NULL"),
    )
    op.create_table(
        "Runs",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("MetadataVersion", sa.Integer, nullable=False),
        sa.Column("Trigger", sa.Unicode(16), nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("Reason", columns.LongText),
        sa.Column("NodeCount", sa.Integer, nullable=False),
        sa.Column("OpenNodes", sa.Integer, nullable=False),
        sa.Column("ActiveNodes", sa.Integer, nullable=False),
        sa.Column("MaxParallelNodes", sa.Integer, nullable=False),
        sa.Column("RerunOf", sa.Unicode(32)),
        *_json("Runs", "Settings"),
        sa.Column("CreatedAt", columns.UtcDateTime, nullable=False),
        sa.Column("StartedAt", columns.UtcDateTime),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.Column("CancelRequestedAt", columns.UtcDateTime),
        sa.Column("CancelRequestedBy", sa.Unicode(128)),
        sa.PrimaryKeyConstraint("RunID", name="PK_Runs"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_Runs_DataProductID"
        ),
        _check("Runs", "ActiveNodes", "[ActiveNodes] >= 0"),
        _check("Runs", "OpenNodes", "[OpenNodes] >= 0"),
    )
    op.create_index("IX_Runs_DataProductID_CreatedAt", "Runs", ["DataProductID", "CreatedAt"])
    op.create_index("IX_Runs_State_CreatedAt", "Runs", ["State", "CreatedAt"])
    op.create_table(
        "RunPlans",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        *_json("RunPlans", "Plan"),
        sa.Column("PlanHash", sa.Unicode(64), nullable=False),
        sa.PrimaryKeyConstraint("RunID", name="PK_RunPlans"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_RunPlans_RunID"),
    )
    op.create_table(
        "NodeRuns",
        sa.Column("NodeRunID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("Kind", sa.Unicode(16), nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("WaitingFor", sa.Integer, nullable=False),
        sa.Column("Priority", sa.Integer, nullable=False),
        sa.Column("Attempt", sa.Integer, nullable=False),
        *_json("NodeRuns", "Definition"),
        sa.Column("ClaimedBy", sa.Unicode(160)),
        sa.Column("ClaimedAt", columns.UtcDateTime),
        sa.Column("StartedAt", columns.UtcDateTime),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.Column("JobRunID", sa.BigInteger),
        sa.Column("JobRunUrl", sa.Unicode(1024)),
        sa.Column("ErrorCode", sa.Unicode(64)),
        sa.Column("Reason", columns.LongText),
        sa.Column("RowsRead", sa.BigInteger),
        sa.Column("RowsPublished", sa.BigInteger),
        sa.Column("RowsQuarantined", sa.BigInteger),
        *_json("NodeRuns", "Result", nullable=True),
        sa.PrimaryKeyConstraint("NodeRunID", name="PK_NodeRuns"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_NodeRuns_RunID"),
        sa.UniqueConstraint("RunID", "NodeKey", name="UQ_NodeRuns_RunID_NodeKey"),
        _check("NodeRuns", "WaitingFor", "[WaitingFor] >= 0"),
        _check("NodeRuns", "Attempt", "[Attempt] >= 1"),
    )
    op.create_index("IX_NodeRuns_RunID_State_Priority", "NodeRuns", ["RunID", "State", "Priority"])
    op.create_index("IX_NodeRuns_State_ClaimedAt", "NodeRuns", ["State", "ClaimedAt"])
    op.create_table(
        "NodeRunEdges",
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("FromNode", sa.Unicode(160), nullable=False),
        sa.Column("ToNode", sa.Unicode(160), nullable=False),
        sa.PrimaryKeyConstraint("RunID", "FromNode", "ToNode", name="PK_NodeRunEdges"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_NodeRunEdges_RunID"),
    )
    op.create_table(
        "NodeAttempts",
        sa.Column("NodeAttemptID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("Attempt", sa.Integer, nullable=False),
        sa.Column("IdempotencyKey", sa.Unicode(64), nullable=False),
        sa.Column("JobRunID", sa.BigInteger),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("ErrorCode", sa.Unicode(64)),
        sa.Column("Reason", columns.LongText),
        sa.Column("SubmittedAt", columns.UtcDateTime, nullable=False),
        sa.Column("FinishedAt", columns.UtcDateTime),
        sa.PrimaryKeyConstraint("NodeAttemptID", name="PK_NodeAttempts"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_NodeAttempts_RunID"),
        sa.UniqueConstraint("RunID", "NodeKey", "Attempt", name="UQ_NodeAttempts_RunID_NodeKey_Attempt"),
    )
    op.create_table(
        "RunEvents",
        sa.Column("RunEventID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160)),
        sa.Column("FromState", sa.Unicode(16)),
        sa.Column("ToState", sa.Unicode(16), nullable=False),
        sa.Column("OccurredAt", columns.UtcDateTime, nullable=False),
        sa.Column("Actor", sa.Unicode(128), nullable=False),
        sa.Column("Detail", columns.LongText),
        sa.PrimaryKeyConstraint("RunEventID", name="PK_RunEvents"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_RunEvents_RunID"),
    )
    op.create_index("IX_RunEvents_RunID_RunEventID", "RunEvents", ["RunID", "RunEventID"])
    op.create_table(
        "DataQualityResults",
        sa.Column("DataQualityResultID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("DataSetName", sa.Unicode(128), nullable=False),
        sa.Column("RuleName", sa.Unicode(128), nullable=False),
        sa.Column("Severity", sa.Unicode(16), nullable=False),
        sa.Column("RowsChecked", sa.BigInteger, nullable=False),
        sa.Column("RowsFailed", sa.BigInteger, nullable=False),
        sa.Column("CheckedAt", columns.UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("DataQualityResultID", name="PK_DataQualityResults"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_DataQualityResults_RunID"),
        sa.UniqueConstraint(
            "RunID", "NodeKey", "RuleName", name="UQ_DataQualityResults_RunID_NodeKey_RuleName"
        ),
    )
    op.create_table(
        "PublishedDataSets",
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("DataSetName", sa.Unicode(128), nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("PublishedAt", columns.UtcDateTime, nullable=False),
        sa.Column("TableVersion", sa.BigInteger),
        sa.Column("Rows", sa.BigInteger),
        sa.PrimaryKeyConstraint("DataProductID", "DataSetName", name="PK_PublishedDataSets"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_PublishedDataSets_DataProductID"
        ),
    )


def _create_lineage() -> None:
    op.create_table(
        "LineageEdges",
        sa.Column("LineageEdgeID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("RunID", sa.Unicode(32), nullable=False),
        sa.Column("NodeKey", sa.Unicode(160), nullable=False),
        sa.Column("SourceDataSet", sa.Unicode(400), nullable=False),
        sa.Column("TargetDataSet", sa.Unicode(400), nullable=False),
        sa.Column("RecordedAt", columns.UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("LineageEdgeID", name="PK_LineageEdges"),
        sa.ForeignKeyConstraint(["RunID"], ["Runs.RunID"], name="FK_LineageEdges_RunID"),
        sa.UniqueConstraint(
            "RunID",
            "SourceDataSet",
            "TargetDataSet",
            name="UQ_LineageEdges_RunID_SourceDataSet_TargetDataSet",
        ),
    )
    op.create_index("IX_LineageEdges_TargetDataSet", "LineageEdges", ["TargetDataSet"])
    op.create_table(
        "ColumnLineage",
        sa.Column("ColumnLineageID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("DataProductID", columns.BigId, nullable=False),
        sa.Column("MetadataVersion", sa.Integer, nullable=False),
        sa.Column("SourceDataSet", sa.Unicode(400), nullable=False),
        sa.Column("SourceColumn", sa.Unicode(128), nullable=False),
        sa.Column("TargetDataSet", sa.Unicode(400), nullable=False),
        sa.Column("TargetColumn", sa.Unicode(128), nullable=False),
        sa.Column("Kind", sa.Unicode(16), nullable=False),
        sa.PrimaryKeyConstraint("ColumnLineageID", name="PK_ColumnLineage"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_ColumnLineage_DataProductID"
        ),
    )
    op.create_index(
        "IX_ColumnLineage_DataProductID_MetadataVersion",
        "ColumnLineage",
        ["DataProductID", "MetadataVersion"],
    )


def _create_coordination() -> None:
    op.create_table(
        "ProductLeases",
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=False),
        sa.Column("State", sa.Unicode(16), nullable=False),
        sa.Column("InstanceID", sa.Unicode(256), nullable=False),
        sa.Column("ChangedAt", columns.UtcDateTime, nullable=False),
        sa.Column("PausedAt", columns.UtcDateTime),
        sa.Column("PausedBy", sa.Unicode(128)),
        sa.Column("PauseReason", columns.LongText),
        sa.PrimaryKeyConstraint("DataProductID", name="PK_ProductLeases"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_ProductLeases_DataProductID"
        ),
    )
    op.create_table(
        "OperatorActs",
        sa.Column("OperatorActID", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("Act", sa.Unicode(16), nullable=False),
        sa.Column("DataProductID", columns.BigId, autoincrement=False, nullable=True),
        sa.Column("LandedFileID", columns.BigId, nullable=True),
        sa.Column("FromState", sa.Unicode(16), nullable=True),
        sa.Column("OccurredAt", columns.UtcDateTime, nullable=False),
        sa.Column("Actor", sa.Unicode(128), nullable=False),
        sa.Column("Detail", columns.LongText, nullable=True),
        sa.PrimaryKeyConstraint("OperatorActID", name="PK_OperatorActs"),
        sa.ForeignKeyConstraint(
            ["DataProductID"], ["DataProducts.DataProductID"], name="FK_OperatorActs_DataProductID"
        ),
        sa.ForeignKeyConstraint(
            ["LandedFileID"], ["LandedFiles.LandedFileID"], name="FK_OperatorActs_LandedFileID"
        ),
    )
    op.create_index("IX_OperatorActs_LandedFileID", "OperatorActs", ["LandedFileID"])
    op.create_index(
        "IX_OperatorActs_DataProductID_OperatorActID", "OperatorActs", ["DataProductID", "OperatorActID"]
    )


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
