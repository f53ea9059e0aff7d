"""Rows of a database as Arrow columns of the types that a dataset declares."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from landfall.copying.queries import name_at_source
from landfall.copying.source import Columns
from landfall.errors import LandfallError
from landfall.spec.model import Column

_SHOWN_CHARACTERS: Final = 40


class ValueDoesNotFit(LandfallError):
    """A source has a value that is none of the declared type."""

    code = "LF4304"

    def __init__(self, column: str, declared: str, value: object) -> None:
        shown = repr(value)[:_SHOWN_CHARACTERS]
        super().__init__(
            f"column {column!r} is declared as {declared}, and the source has {shown} ({type(value).__name__}) there. "
            "Declare the column as string to land whatever there is, and cast it in a transformation."
        )
        self.column = column


class TypeNotCopied(LandfallError):
    """A column is declared with a type that no table of a source has."""

    code = "LF4305"

    def __init__(self, column: str, declared: str) -> None:
        super().__init__(
            f"column {column!r} is declared as {declared}, and only simple types are copied. Declare it as string."
        )
        self.column = column


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of the files of a copy: every column under its source's name, nullable.

    Raises:
        TypeNotCopied: A column is of a type that is not copied.
    """
    return pa.schema([pa.field(name_at_source(column), _arrow_type(column)) for column in columns])


def to_batch(values: Columns, columns: Sequence[Column], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as one batch.

    Args:
        values: Of each of ``columns`` those of at least one row.

    Raises:
        ValueDoesNotFit: A value is none of its column's type.
    """
    arrays = [
        _array(given, column, field.type)
        for given, column, field in zip(values, columns, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def _array(values: "pa.Array[Any] | Sequence[Any]", column: Column, kind: pa.DataType) -> "pa.Array[Any]":
    """Return values as an array of a type: at once where Arrow knows how, else one by one."""
    try:
        given = values if isinstance(values, pa.Array) else _as_they_are(values, kind)
        if given.type == kind:
            return given
        if converts_exactly(given, kind):
            return _cast(given, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # Drivers differ: SQLite has dates as texts, Oracle whole numbers as decimals.
        pass
    one_by_one = values.to_pylist() if isinstance(values, pa.Array) else values
    convert = _CONVERSIONS[_simple(column)]
    converted: list[Any] = []
    for value in one_by_one:
        try:
            converted.append(None if value is None else convert(value))
        except (TypeError, ValueError, InvalidOperation) as error:
            raise ValueDoesNotFit(name_at_source(column), column.type, value) from error
    try:
        return pa.array(converted, type=kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        value = next(value for value in converted if not _fits(value, kind))
        raise ValueDoesNotFit(name_at_source(column), column.type, value) from error


def _cast(given: "pa.Array[Any]", kind: pa.DataType) -> "pa.Array[Any]":
    if pa.types.is_string(given.type) and pa.types.is_timestamp(kind) and kind.tz is not None:
        try:
            # Texts without a zone, which are meant as UTC; of one that has a zone Arrow makes no time of a clock.
            return given.cast(pa.timestamp("us")).cast(kind)
        except pa.ArrowInvalid:
            pass
    converted: pa.Array[Any] = given.cast(kind)
    return converted


def _as_they_are(values: Sequence[Any], kind: pa.DataType) -> "pa.Array[Any]":
    """Return Python's values as an array of the type, or where they are of another one of theirs."""
    try:
        return pa.array(values, type=kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        found: pa.Array[Any] = pa.array(values)
        return found


def converts_exactly(given: "pa.Array[Any]", kind: pa.DataType) -> bool:
    """Return whether Arrow converts an array as ``_CONVERSIONS`` does, value by value, or refuses to.

    Casts that say something else are left out: of a number that is neither 0 nor 1 Arrow makes a truth.
    """
    types, of = pa.types, given.type
    text = types.is_string(of) or types.is_large_string(of)
    whole = types.is_integer(of)
    if types.is_boolean(kind):
        return whole and pc.all(pc.is_in(given, pa.array([0, 1, None], of))).as_py() is not False
    if types.is_integer(kind):
        return text or whole
    if types.is_floating(kind):
        return text or whole or types.is_floating(of)
    if types.is_decimal(kind):
        return text or whole or types.is_decimal(of)
    if types.is_timestamp(kind):
        # A text with a zone is no time of a clock, and one without is none of the world: those are told one by one.
        return types.is_timestamp(of) or text
    if types.is_date32(kind):
        return text
    return types.is_large_string(of) and types.is_string(kind)


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], type=kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _simple(column: Column) -> str:
    return column.type.partition("(")[0]


def _arrow_type(column: Column) -> pa.DataType:
    name = _simple(column)
    if name == "decimal":
        precision, scale = column.type[len("decimal(") : -1].split(",")
        return pa.decimal128(int(precision), int(scale))
    kind = _TYPES.get(name)
    if kind is None:
        raise TypeNotCopied(name_at_source(column), column.type)
    return kind


def _whole(value: Any) -> int:
    number = Decimal(str(value)) if not isinstance(value, bool | int) else Decimal(int(value))
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def _truth(value: Any) -> bool:
    known = {"1": True, "true": True, "t": True, "0": False, "false": False, "f": False}
    text = str(value).lower()
    if text not in known:
        raise ValueError("neither true nor false")
    return known[text]


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode()
    return value.isoformat() if isinstance(value, date) else str(value)


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else _moment(value).date()


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    return datetime.fromisoformat(value)


def _instant(value: Any) -> datetime:
    moment = _moment(value)
    # What has no zone is meant as UTC, as everywhere in Landfall.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _local(value: Any) -> datetime:
    moment = _moment(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


_TYPES: Final[Mapping[str, pa.DataType]] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}
_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "boolean": _truth,
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), _whole),
    **dict.fromkeys(("float", "double"), float),
    "decimal": lambda value: Decimal(str(value)),
    "string": _text,
    "binary": bytes,
    "date": _date,
    "timestamp": _instant,
    "timestamp_ntz": _local,
}
