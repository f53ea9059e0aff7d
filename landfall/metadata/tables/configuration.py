"""Settings with effective dates."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from landfall.metadata.columns import BigId, LongText, UtcDateTime
from landfall.metadata.tables.base import NAME, id_column, metadata

configuration_category = Table(
    "ConfigurationCategory",
    metadata,
    id_column("CategoryID"),
    Column("CategoryName", NAME, nullable=False, unique=True),
)

configuration_item = Table(
    "ConfigurationItem",
    metadata,
    id_column("ItemID"),
    Column("CategoryID", BigId, ForeignKey("ConfigurationCategory.CategoryID"), nullable=False),
    # 'key', or 'key@DataProductID' for the value of one product.
    Column("ItemKey", NAME, nullable=False),
    Column("ItemValue", LongText),
    Column("Description", LongText),
    UniqueConstraint("CategoryID", "ItemKey"),
)

configuration_version = Table(
    "ConfigurationVersion",
    metadata,
    id_column("VersionID"),
    Column("ItemID", BigId, ForeignKey("ConfigurationItem.ItemID"), nullable=False),
    Column("VersionNumber", sa.Integer, nullable=False),
    Column("ItemValue", LongText),
    # Who set it and when, which is before it takes effect where it was scheduled.
    Column("SetAt", UtcDateTime),
    Column("SetBy", NAME),
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
