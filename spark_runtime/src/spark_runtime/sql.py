"""Pieces of Spark SQL text that mean the same on every engine: quoted names, literals, lists."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal


def quoted(name: str) -> str:
    """Return a column name in back-ticks."""
    return "`" + name.replace("`", "``") + "`"


def columns_text(types: Mapping[str, str]) -> str:
    """Return columns with their types as a schema or a definition names them."""
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in types.items())


def unquoted(name: str) -> str:
    """Return the column name that ``quoted`` put in back-ticks; a name without them stays."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def text_literal(value: str) -> str:
    r"""Return a string literal.

    Quotes are escaped with a backslash: Sail drops one of two doubled quotes, both engines read ``\'``.
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\x00", "\\0")
    return f"'{escaped}'"


def comparable(column: str, kind: str) -> str:
    """Return SQL of a value to compare, to tell rows apart or to order them by: as it is, but for fractions.

    Sail takes -0.0 for less than 0.0, and NaN that was computed for less than all numbers; Spark knows one zero and one
    NaN. Sail also passes over files for what a column is compared or joined with, by least and greatest values which
    leave NaN out; it does so for columns only.
    """
    if kind not in {"float", "double"}:
        return column
    return f"nanvl({column} + CAST(0 AS {kind}), CAST('NaN' AS {kind}))"


def same_values(types: Mapping[str, str], left: str, right: str) -> str:
    """Return the condition that rows of two sides have the same values, nulls included.

    Args:
        types: Types of the columns that are compared, by their quoted names.
        left: Name of one side.
        right: Name of the other.
    """
    return " AND ".join(
        f"{comparable(f'{left}.{column}', kind)} <=> {comparable(f'{right}.{column}', kind)}"
        for column, kind in types.items()
    )


def literal(value: object) -> str:
    """Return the literal of a value from JSON: text, number, boolean or null.

    Raises:
        ValueError: The value is a list or an object.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        # D marks a double; a bare 0.1 would be a decimal and compare at another precision.
        return f"{value!r}D"
    if isinstance(value, str):
        return text_literal(value)
    raise ValueError(f"{value!r} is not a text, number, boolean or null")


def timestamp_literal(instant: datetime) -> str:
    """Return the literal of an aware UTC instant, in microseconds."""
    return f"timestamp'{instant:%Y-%m-%d %H:%M:%S.%f}'"


def all_of(conditions: list[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions)


def any_of(conditions: list[str]) -> str:
    return " OR ".join(f"({condition})" for condition in conditions)
