"""Can a value of a product file stand in a column of a type? The runtime asks the same when it writes the SQL."""

import math
import re
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

_WHOLE_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def literal_problem(value: object, kind: str | None) -> str | None:
    """Return why a value cannot stand in a column, ``None`` if it can or if the type is not known.

    Args:
        value: A text, a number, or true or false.
        kind: Spark SQL type in its one spelling (see ``column_types``).
    """
    if kind is None or _fits(value, kind):
        return None
    return f"{value!r} is no value of type {kind}"


def key_problem(text: str, kind: str | None) -> str | None:
    """Return why a key of a mapping, which is always text, cannot stand for a value of a type."""
    if kind is None or kind == "string":
        return None
    return literal_problem(_of_text(text, kind), kind) and f"'{text}' is no value of type {kind}"


def limit_problem(value: object, kind: str | None) -> str | None:
    """Return why no value of a type can be compared with a limit, or an accepted value, of a rule.

    A number may have digits that the column has not: no value is then equal to it, but each is more or less. Where
    engines would cast the column instead, or not take the comparison at all, it is refused.
    """
    if kind is None or _is_comparable(value, kind):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and kind == "string":
        return f"{value!r} is a number and no text"
    return f"{value!r} cannot be compared with {kind}"


def _is_comparable(value: object, kind: str) -> bool:
    if kind in ("string", "binary"):
        return isinstance(value, str)
    if kind in _WHOLE_BITS and isinstance(value, str):
        return re.fullmatch(r"-?\d+", value) is not None
    if kind in ("float", "double") and isinstance(value, str):
        return re.fullmatch(r"-?(\d+(\.\d+)?([eE][+-]?\d+)?|Infinity)|NaN", value) is not None
    if kind.startswith("decimal(") and isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if kind in _WHOLE_BITS or kind in ("float", "double") or kind.startswith("decimal("):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return kind in ("boolean", "date", "timestamp", "timestamp_ntz") and _fits(value, kind)


def _of_text(text: str, kind: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind in _WHOLE_BITS:
        return int(text) if re.fullmatch(r"-?\d+", text) else None
    if kind in ("float", "double") or kind.startswith("decimal"):
        return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    return text


def _fits(value: object, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("date", "timestamp", "timestamp_ntz"):
        return isinstance(value, str) and _is_moment(value, kind)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    if kind in _WHOLE_BITS:
        limit = 1 << (_WHOLE_BITS[kind] - 1)
        return value == int(value) and -limit <= value < limit if math.isfinite(value) else False
    if not math.isfinite(value):
        return False
    if kind in ("float", "double"):
        return True
    return kind.startswith("decimal(") and _fits_decimal(value, kind)


def _is_moment(text: str, kind: str) -> bool:
    try:
        if kind == "date":
            return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return _DATE.match(text) is not None and (kind == "timestamp" or moment.tzinfo is None)


def _fits_decimal(value: float | Decimal, kind: str) -> bool:
    precision, scale = (int(number) for number in kind[len("decimal(") : -1].split(","))
    digits = Fraction(str(value))
    return (digits * 10**scale).denominator == 1 and bool(abs(digits) < 10 ** (precision - scale))
