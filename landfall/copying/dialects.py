"""SQL of the databases that are copied from: names, values of watermarks and their text, one row per engine.

Nothing here is run: the texts go to Data Factory, or to `landfall copy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from landfall.spec.copying import Engine, WatermarkKind

_DATE, _INSTANT, _LOCAL = WatermarkKind.DATE, WatermarkKind.INSTANT, WatermarkKind.LOCAL_TIME
_NUMBER, _ROWVERSION = WatermarkKind.NUMBER, WatermarkKind.ROWVERSION


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one engine writes what the copy needs; ``{v}`` stands for a value or a column, ``{s}`` for seconds.

    Attributes:
        quotes: Characters around a name.
        literals: A value of a watermark, from its text.
        texts: The text of a value of a watermark: all its digits, and the same literal again.
        ages: Condition on a column that its value is older than so many seconds.
        as_text: A column that is declared as text, whatever it is; ``None`` where drivers have texts for all that is.
        partition: What Data Factory replaces by a range of the partition column, which no null is in; ``None`` if it
            reads in one.
    """

    quotes: tuple[str, str]
    literals: Mapping[WatermarkKind, str]
    texts: Mapping[WatermarkKind, str]
    ages: Mapping[WatermarkKind, str]
    partition: str | None = None
    as_text: str | None = None

    def quoted(self, name: str) -> str:
        """Return a name in quotes; a closing one within it is doubled."""
        left, right = self.quotes
        return f"{left}{name.replace(right, right * 2)}{right}"

    def quoted_table(self, name: str) -> str:
        """Return the name of a table and of its schema, parted by a dot, each in quotes."""
        return ".".join(map(self.quoted, name.split(".")))


# A datetime of SQL Server shows three digits and has more: as datetime2 it compares and prints as what it is.
_SQLSERVER: Final = Dialect(
    quotes=("[", "]"),
    literals={
        _NUMBER: "{v}",
        _DATE: "CAST('{v}' AS date)",
        _INSTANT: "CAST('{v}' AS datetime2(7))",
        _LOCAL: "CAST('{v}' AS datetime2(7))",
        _ROWVERSION: "{v}",
    },
    texts={
        _NUMBER: "CONVERT(varchar(40), {v})",
        _DATE: "CONVERT(varchar(10), {v}, 23)",
        _INSTANT: "CONVERT(varchar(33), CAST({v} AS datetime2(7)), 126)",
        _LOCAL: "CONVERT(varchar(33), CAST({v} AS datetime2(7)), 126)",
        _ROWVERSION: "CONVERT(varchar(18), CAST({v} AS binary(8)), 1)",
    },
    ages=dict.fromkeys((_INSTANT, _LOCAL), "{v} <= DATEADD(second, -{s}, SYSUTCDATETIME())"),
    partition="?AdfDynamicRangePartitionCondition",
)
_RANGE: Final = (
    "?AdfRangePartitionColumnName <= ?AdfRangePartitionUpbound"
    " AND ?AdfRangePartitionColumnName >= ?AdfRangePartitionLowbound"
)
_POSTGRESQL: Final = Dialect(
    quotes=('"', '"'),
    # Without a type, so that it takes the column's.
    literals={_NUMBER: "{v}", _DATE: "'{v}'", _INSTANT: "'{v}'", _LOCAL: "'{v}'"},
    texts=dict.fromkeys((_NUMBER, _DATE, _INSTANT, _LOCAL), "CAST({v} AS text)"),
    # Of JSON, lists or addresses each driver makes something else.
    as_text="CAST({v} AS text)",
    ages={
        _INSTANT: "{v} <= now() - interval '{s} seconds'",
        _LOCAL: "{v} <= (now() AT TIME ZONE 'UTC') - interval '{s} seconds'",
    },
    partition=_RANGE,
)
_ORACLE_TIME: Final = """'YYYY-MM-DD"T"HH24:MI:SS.FF9'"""
_ORACLE: Final = Dialect(
    quotes=('"', '"'),
    literals={
        _NUMBER: "{v}",
        _DATE: "DATE '{v}'",
        **dict.fromkeys((_INSTANT, _LOCAL), f"TO_TIMESTAMP('{{v}}', {_ORACLE_TIME})"),
    },
    texts={
        _NUMBER: "TO_CHAR({v}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')",
        _DATE: "TO_CHAR({v}, 'YYYY-MM-DD')",
        **dict.fromkeys((_INSTANT, _LOCAL), f"TO_CHAR(CAST({{v}} AS TIMESTAMP(9)), {_ORACLE_TIME})"),
    },
    ages=dict.fromkeys(
        (_INSTANT, _LOCAL), "{v} <= SYS_EXTRACT_UTC(SYSTIMESTAMP) - NUMTODSINTERVAL({s}, 'SECOND')"
    ),
    partition=_RANGE,
)
_SQLITE: Final = Dialect(
    quotes=('"', '"'),
    literals={_NUMBER: "{v}", _DATE: "'{v}'", _INSTANT: "'{v}'", _LOCAL: "'{v}'"},
    texts=dict.fromkeys((_NUMBER, _DATE, _INSTANT, _LOCAL), "CAST({v} AS TEXT)"),
    ages=dict.fromkeys((_INSTANT, _LOCAL), "{v} <= strftime('%Y-%m-%d %H:%M:%f', 'now', '-{s} seconds')"),
)
DIALECTS: Final[Mapping[Engine, Dialect]] = {
    Engine.SQLSERVER: _SQLSERVER,
    Engine.AZURE_SQL: _SQLSERVER,
    Engine.POSTGRESQL: _POSTGRESQL,
    Engine.ORACLE: _ORACLE,
    Engine.SQLITE: _SQLITE,
}
