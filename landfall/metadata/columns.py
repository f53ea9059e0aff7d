"""Column types that mean the same on Azure SQL and on SQLite.

Migrations use them too, so what a type here means to a database never changes: a new meaning is a new type.
"""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.engine.interfaces import Dialect


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC instant: DATETIME2(6) on Azure SQL, text on SQLite; naive values are refused."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "mssql":
            return dialect.type_descriptor(mssql.DATETIME2(precision=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; instants are aware UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class JsonText(sa.TypeDecorator[Any]):
    """A JSON value as compact text: NVARCHAR(max) on Azure SQL, TEXT on SQLite.

    Keys keep their order: the order of an aggregate's measures is the order of the columns it yields.
    """

    impl = sa.UnicodeText
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "mssql":
            # UnicodeText would be the deprecated NTEXT.
            return dialect.type_descriptor(mssql.NVARCHAR())
        return dialect.type_descriptor(sa.UnicodeText())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        # NaN and the infinities are not JSON: neither database would take them.
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


# NVARCHAR() is NVARCHAR(max).
LongText = sa.UnicodeText().with_variant(mssql.NVARCHAR(), "mssql")
# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Azure SQL compares text without regard to case unless the column says otherwise; SQLite regards it.
ExactName = sa.Unicode(128).with_variant(mssql.NVARCHAR(128, collation="Latin1_General_100_BIN2"), "mssql")
