"""Who did what, in the API, the console or on the command line: never changed, only added to."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, UniqueConstraint

from landfall.metadata.columns import UtcDateTime
from landfall.metadata.tables.base import NAME, STATE, id_column, json_columns, metadata

audit_log = Table(
    "AuditLog",
    metadata,
    id_column("AuditID"),
    # Of the call: a transaction that is repeated after its commit was lost writes no second row.
    Column("CallID", sa.Unicode(32), nullable=False),
    Column("OccurredAt", UtcDateTime, nullable=False),
    Column("Actor", NAME, nullable=False),
    Column("Via", STATE, nullable=False),
    Column("Act", sa.Unicode(64), nullable=False),
    # Whose it is; empty for what concerns no domain, or several. Not a key: it outlives the product.
    Column("Domain", NAME),
    Column("Subject", sa.Unicode(400)),
    *json_columns("Parameters"),
    UniqueConstraint("CallID"),
    Index("IX_AuditLog_OccurredAt", "OccurredAt"),
    Index("IX_AuditLog_Domain_AuditID", "Domain", "AuditID"),
)
