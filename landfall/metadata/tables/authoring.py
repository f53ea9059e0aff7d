"""What teams declare, as it is applied now, and every version of it."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, LongText, UtcDateTime
from landfall.metadata.tables.base import NAME, STATE, id_column, json_columns, metadata, product_column

data_products = Table(
    "DataProducts",
    metadata,
    id_column("DataProductID"),
    Column("Domain", NAME, nullable=False),
    Column("Name", NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("OwnerTeam", NAME, nullable=False),
    Column("OwnerEmail", sa.Unicode(320), nullable=False),
    # Told of the product's alarms; an address that is a secret is no part of a product file.
    Column("OwnerWebhook", sa.Unicode(2048)),
    # The version that the next run pins; a run in flight keeps the one it was opened with.
    Column("CurrentVersion", sa.Integer, nullable=False),
    UniqueConstraint("Domain", "Name"),
)

metadata_versions = Table(
    "MetadataVersions",
    metadata,
    id_column("MetadataVersionID"),
    product_column(),
    Column("VersionNumber", sa.Integer, nullable=False),
    # Without its objects, which are in MetadataVersionParts.
    *json_columns("Spec"),
    Column("SpecHash", sa.Unicode(64), nullable=False),
    Column("AppliedAt", UtcDateTime, nullable=False),
    Column("AppliedBy", NAME, nullable=False),
    # Set when this version restores an older one.
    Column("RestoresVersion", sa.Integer),
    UniqueConstraint("DataProductID", "VersionNumber"),
)

# The sources, datasets, transformations, ports and service levels of a version, some in each part: read one after the
# other, thousands of them are never in memory as text.
metadata_version_parts = Table(
    "MetadataVersionParts",
    metadata,
    Column(
        "MetadataVersionID",
        BigId,
        ForeignKey("MetadataVersions.MetadataVersionID"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("Part", sa.Integer, primary_key=True, autoincrement=False),
    *json_columns("Spec"),
)

data_sources = Table(
    "DataSources",
    metadata,
    id_column("DataSourceID"),
    product_column(),
    Column("Name", NAME, nullable=False),
    Column("Type", STATE, nullable=False),
    Column("ConnectionString", sa.Unicode(1024)),
    Column("Format", STATE),
    *json_columns("Options"),
    # What a database is, for the copy of its tables.
    Column("Engine", STATE),
    UniqueConstraint("DataProductID", "Name"),
)

data_sets = Table(
    "DataSets",
    metadata,
    id_column("DataSetID"),
    product_column(),
    Column("DataSourceID", BigId, ForeignKey("DataSources.DataSourceID"), index=True),
    Column("Name", NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("Layer", STATE, nullable=False),
    Column("LandingPath", sa.Unicode(512)),
    *json_columns("Schema"),
    # What of the source is copied, as JSON; no check of its form can be added to a table on SQLite.
    Column("CopySettings", LongText),
    UniqueConstraint("DataProductID", "Name"),
)

transformations = Table(
    "Transformations",
    metadata,
    id_column("TransformationID"),
    product_column(),
    Column("Name", NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    # The step's type, or 'steps' where there are several.
    Column("Type", STATE, nullable=False),
    *json_columns("Configuration"),
    UniqueConstraint("DataProductID", "Name"),
)

transformation_dependencies = Table(
    "TransformationDependencies",
    metadata,
    id_column("DependencyID"),
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
    id_column("TransformationDataSetID"),
    Column("TransformationID", BigId, ForeignKey("Transformations.TransformationID"), nullable=False),
    # Empty for another product's port, which ForeignPort names.
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), index=True),
    Column("ForeignPort", sa.Unicode(400)),
    Column("Role", STATE, nullable=False),
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
    id_column("RuleID"),
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), nullable=False),
    Column("Name", NAME, nullable=False),
    Column("Description", LongText, nullable=False),
    Column("Type", sa.Unicode(32), nullable=False),
    Column("Severity", STATE, nullable=False),
    *json_columns("Configuration"),
    UniqueConstraint("DataSetID", "Name"),
)

ports = Table(
    "Ports",
    metadata,
    id_column("PortID"),
    product_column(),
    Column("DataSetID", BigId, ForeignKey("DataSets.DataSetID"), nullable=False, index=True),
    Column("Version", sa.Integer, nullable=False),
    Column("Contract", sa.Unicode(512)),
    UniqueConstraint("DataProductID", "DataSetID", "Version"),
)
