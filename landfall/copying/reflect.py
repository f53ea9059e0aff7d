"""Tables of an existing database as a product could copy them: columns with their types, keys, possible watermarks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from landfall.copying.source import SourceDatabase
from landfall.copying.writing import FoundColumn, FoundTable
from landfall.errors import LandfallError
from landfall.spec.copying import Engine, watermark_kind
from landfall.spec.faults import nearest_remedy

# By the name of the type, where its class says too little; SQL Server's tinyint has no sign, so it needs two bytes.
_BY_NAME: Final[Mapping[str, str]] = {
    "bit": "boolean",
    "tinyint": "smallint",
    "money": "decimal(19,4)",
    "smallmoney": "decimal(10,4)",
    "rowversion": "binary",
    "datetimeoffset": "timestamp",
    "uniqueidentifier": "string",
    "real": "float",
    "double": "double",
    "double_precision": "double",
}
_BY_CLASS: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...]] = (
    (sa.Boolean, "boolean"),
    (sa.SmallInteger, "smallint"),
    (sa.BigInteger, "bigint"),
    (sa.Integer, "int"),
    (sa.Float, "double"),
    (sa.Date, "date"),
    (sa.DateTime, "timestamp"),
    (sa.LargeBinary, "binary"),
)
_MOST_PRECISION: Final = 38
# Numerics without a precision hold anything: half of the digits on either side takes most of it.
_ANY_NUMERIC: Final = "decimal(38,12)"
_CHANGED: Final = re.compile(r"(?i)(modif|updat|chang|last_?write|edited)")
_CREATED: Final = re.compile(r"(?i)(creat|insert|added|loaded)")


class TableNotThere(LandfallError):
    """A database has no table of a name, or none at all."""

    code = "LF4308"

    def __init__(self, source: str, table: str | None, known: Sequence[str]) -> None:
        what = f"no table {table!r}; {nearest_remedy(table, known)}" if table else "no tables"
        super().__init__(
            f"the source {source!r} has {what}. Tables of another schema are named with --schema."
        )
        self.table = table


def read_tables(
    source: SourceDatabase, *, schema: str | None = None, only: Sequence[str] = ()
) -> tuple[FoundTable, ...]:
    """Return the tables of a database, by name.

    Args:
        schema: Where to look, ``None`` for the schema of the account that signs in.
        only: The only tables wanted; views are among them if they are named.

    Raises:
        SourceUnreachable: The database does not answer or denies access.
        TableNotThere: There are none, or one of ``only`` is not there.
    """
    inspector = source.inspector()
    tables = sorted(inspector.get_table_names(schema))
    known = [*tables, *inspector.get_view_names(schema)]
    missing = next((name for name in only if name not in known), None)
    if missing is not None or not (only or tables):
        raise TableNotThere(source.name, missing, known)
    return tuple(_table(source, inspector, name, schema) for name in only or tables)


def _table(source: SourceDatabase, inspector: sa.Inspector, name: str, schema: str | None) -> FoundTable:
    columns = tuple(
        FoundColumn(column["name"], spark_type(column["type"], source.kind), bool(column["nullable"]))
        for column in inspector.get_columns(name, schema)
    )
    key = tuple(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    try:
        comment = inspector.get_table_comment(name, schema)["text"] or ""
    except (NotImplementedError, SQLAlchemyError):
        # SQLite has none.
        comment = ""
    return FoundTable(
        table=name if schema is None else f"{schema}.{name}",
        columns=columns,
        key=key,
        watermarks=tuple(_watermarks(columns, key, source.kind)),
        description=" ".join(comment.split()),
    )


def spark_type(kind: sa.types.TypeEngine[Any], engine: Engine) -> str:
    """Return what a dataset declares for a column of a database's type; what has no counterpart is text."""
    name = kind.__visit_name__.lower()
    # What SQL Server calls timestamp is a row version and no time.
    if engine in (Engine.SQLSERVER, Engine.AZURE_SQL) and name == "timestamp":
        return "binary"
    if name in _BY_NAME:
        return _BY_NAME[name]
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return _decimal(kind)
    found = next((declared for known, declared in _BY_CLASS if isinstance(kind, known)), "string")
    # SQLite keeps eight bytes whatever the column is called.
    return "bigint" if engine is Engine.SQLITE and found in ("int", "smallint") else found


def _decimal(kind: sa.Numeric[Any]) -> str:
    if kind.precision is None or kind.precision > _MOST_PRECISION:
        return _ANY_NUMERIC
    scale = max(kind.scale or 0, 0)
    return f"decimal({max(kind.precision, scale)},{scale})"


def _watermarks(columns: Sequence[FoundColumn], key: Sequence[str], engine: Engine) -> list[tuple[str, str]]:
    """Return the columns that could be a watermark with the reasons, those that see every change first."""
    found: list[tuple[int, str, str]] = []
    for column in columns:
        kind = column.type.partition("(")[0]
        if kind == "binary" and engine in (Engine.SQLSERVER, Engine.AZURE_SQL) and not column.nullable:
            found.append((0, column.name, "a row version, if its type is rowversion: no change is missed"))
        elif kind == "timestamp" and _CHANGED.search(column.name):
            found.append((1, column.name, "if every change of a row sets it"))
        elif kind == "timestamp" and _CREATED.search(column.name):
            found.append((2, column.name, "sees new rows, but no changes of old ones"))
        elif list(key) == [column.name] and kind in ("smallint", "int", "bigint"):
            found.append((3, column.name, "if keys only grow; sees new rows, but no changes of old ones"))
    return [(name, why) for _, name, why in sorted(found) if watermark_kind(_type_of(columns, name))]


def _type_of(columns: Sequence[FoundColumn], name: str) -> str:
    return next(column.type for column in columns if column.name == name)
