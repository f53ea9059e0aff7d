"""Values of files that know types, as declared, without the way over their text.

A value takes this way only where its text would come to the same: the file's type is the declared one or fits into
it, and nothing is cut, rounded or out of range. One value of a batch that does not fit sends the batch over its
texts, where SQL tells which rows are refused.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_runtime.readers.nested import nested_arrow_type
from spark_runtime.readers.records import TextArray

_WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})
_FRACTIONS: dict[str, Callable[[Any], bool]] = {"float": pa.types.is_float32, "double": pa.types.is_float64}
# The years 1 to 9999, of which dates and instants are read from texts: days and microseconds since 1970.
_DAYS = (-719_162, 2_932_896)
_MICROS = (-62_135_596_800_000_000, 253_402_300_799_999_999)
# Up to so many digits after the point every engine writes a decimal without an exponent.
PLAIN_SCALE = 6


def may_come_typed(kind: str) -> bool:
    """Return whether values of a declared type, a Spark SQL type in its one spelling, may come without a text."""
    return _base(kind) in _WHOLE | _FRACTIONS.keys() | {
        "binary",
        "boolean",
        "date",
        "timestamp",
        "timestamp_ntz",
        "decimal",
    }


def typed_values(values: TextArray, kind: str) -> "TextArray | None":
    """Return the values of a batch as a declared type, ``None`` where they have to go over their texts."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    try:
        return _typed(values, _base(kind), nested_arrow_type(kind))
    except pa.ArrowInvalid:
        return None


def tells_its_text(values: TextArray, kind: str) -> bool:
    """Return whether every engine makes the text of the file's value of the declared one."""
    if _base(kind) == "decimal":
        same = pa.types.is_decimal(values.type) and values.type.scale == nested_arrow_type(kind).scale
        return same and values.type.scale <= PLAIN_SCALE
    return _base(kind) in _WHOLE | {"boolean", "date"}


def _base(kind: str) -> str:
    return kind.partition("(")[0]


def _typed(values: TextArray, base: str, target: Any) -> "TextArray | None":
    source = values.type
    if base == "boolean":
        return values if pa.types.is_boolean(source) else None
    if base == "binary":
        return _bytes(values)
    if base == "date":
        return values if pa.types.is_date32(source) and _within(values.view(pa.int32()), _DAYS) else None
    if base in ("timestamp", "timestamp_ntz"):
        return _moments(values, target)
    if pa.types.is_integer(source) or (base == "decimal" and pa.types.is_decimal(source)):
        # Safely: what overflows, or loses digits, is an error.
        return pc.cast(values, target)
    return values if base in _FRACTIONS and _FRACTIONS[base](source) else None


def _bytes(values: TextArray) -> "TextArray | None":
    source = values.type
    if (
        pa.types.is_fixed_size_binary(source)
        or pa.types.is_large_binary(source)
        or pa.types.is_string(source)
    ):
        return pc.cast(values, pa.binary())
    return values if pa.types.is_binary(source) else None


def _moments(values: TextArray, target: Any) -> "TextArray | None":
    source = values.type
    # One with a zone is an instant, one without is read as UTC; what has a zone is no time of day of nowhere.
    if not pa.types.is_timestamp(source) or (source.tz and not target.tz):
        return None
    micros = pc.cast(values, pa.timestamp("us", source.tz), safe=source.unit != "ns")
    return micros.view(target) if _within(micros.view(pa.int64()), _MICROS) else None


def _within(values: TextArray, limits: tuple[int, int]) -> bool:
    found = pc.min_max(values)
    least, most = found["min"].as_py(), found["max"].as_py()
    return least is None or (limits[0] <= least and most <= limits[1])
