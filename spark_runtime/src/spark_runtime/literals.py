"""A value of a product file as SQL of a column's type, refused where it would have to change to fit."""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from spark_runtime.sql import text_literal

_WHOLE_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def typed_literal(value: object, kind: str) -> str:
    """Return SQL of a text, number, true or false as a value of exactly the type ``kind``.

    A bare literal has a type of the engine's choice, and engines widen mixed types differently.

    Args:
        kind: Spark SQL type as ``casts.canonical_type`` spells it.

    Raises:
        ValueError: The type has no such value, for example 2.5 in a column of type int.
    """
    text = _text_of(value, kind)
    if text is None:
        raise ValueError(f"{value!r} is no value of type {kind}")
    return text_literal(text) if kind == "string" else f"CAST({text_literal(text)} AS {kind})"


def typed_key(text: str, kind: str) -> str:
    """Return SQL of a value that stands as a key in JSON and is therefore always text.

    Raises:
        ValueError: The type has no such value.
    """
    value: object = text
    if kind == "boolean":
        value = {"true": True, "false": False}.get(text)
    elif kind in _WHOLE_BITS or kind in {"float", "double"} or kind.startswith("decimal"):
        value = Decimal(text) if _NUMBER.fullmatch(text) else None
    return typed_literal(value, kind)


def is_comparable(value: object, kind: str) -> bool:
    """Return whether values of a type can be compared with one from JSON as what they are.

    Engines would cast a column of text to a number, for example, or count the days of a date.
    """
    if kind in {"string", "binary"}:
        return isinstance(value, str)
    if kind in _WHOLE_BITS and isinstance(value, str):
        return re.fullmatch(r"-?\d+", value) is not None
    if kind in {"float", "double"} and isinstance(value, str):
        return re.fullmatch(r"-?(\d+(\.\d+)?([eE][+-]?\d+)?|Infinity)|NaN", value) is not None
    if kind.startswith("decimal(") and isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    if kind in _WHOLE_BITS or kind in {"float", "double"} or kind.startswith("decimal("):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return kind in {"boolean", "date", "timestamp", "timestamp_ntz"} and _text_of(value, kind) is not None


def _text_of(value: object, kind: str) -> str | None:
    if kind == "string":
        return value if isinstance(value, str) else None
    if kind == "boolean":
        return str(value).lower() if isinstance(value, bool) else None
    if kind in {"date", "timestamp", "timestamp_ntz"}:
        return _moment(value, kind) if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        return None
    if kind in _WHOLE_BITS:
        limit = 1 << (_WHOLE_BITS[kind] - 1)
        return str(int(value)) if value == int(value) and -limit <= value < limit else None
    if kind in {"float", "double"}:
        return str(value)
    return _decimal(Decimal(str(value)), kind) if kind.startswith("decimal(") else None


def _moment(text: str, kind: str) -> str | None:
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat() if _DATE.fullmatch(text) else None
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _DATE.match(text) or (kind == "timestamp_ntz" and moment.tzinfo is not None):
        return None
    # The session's time zone is UTC, so an instant needs no offset in its text.
    instant = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
    return instant.isoformat(sep=" ")


def _decimal(value: Decimal, kind: str) -> str | None:
    precision, scale = (int(number) for number in kind[len("decimal(") : -1].split(","))
    digits = Fraction(value)  # Decimals would be rounded to the 28 digits of their context.
    fits = (digits * 10**scale).denominator == 1 and abs(digits) < 10 ** (precision - scale)
    return f"{value:f}" if fits else None
