"""Structs, arrays and maps from JSON text, strictly: what does not fit makes the whole value not fit.

The engines' own ``from_json`` puts null in the place of a part that does not fit, or lets it overflow, without a word.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import TextArray, as_text, loads

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>(),:]")
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(Infinity|inf)|NaN")
_FIXED = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9].*)?")
_WORDS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "0"), False
)
_FLOATS = {"float": pa.float32(), "double": pa.float64()}
_INTEGERS = {"tinyint": pa.int8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64()}

Convert = Callable[[Any], Any]


def as_nested(texts: TextArray, kind: str, *, wraps: bool) -> TextArray:
    """Return JSON texts as values of a nested type; null where a text does not fit.

    Args:
        kind: Spark SQL type in its one spelling.
        wraps: Whether a single value stands for an array of one, as XML writes it.
    """
    arrow_type, convert = _Reader(kind, wraps).read_all()
    values: list[Any] = []
    for text in texts.to_pylist():
        try:
            values.append(None if text is None else convert(_document(text, wraps)))
        except (ValueError, ArithmeticError, RecursionError):
            values.append(None)
    return _as_array(values, arrow_type)


def _as_array(values: Sequence[Any], kind: Any) -> TextArray:
    """Return values as an array in which the fields of a struct that is null are null as well.

    ``pyarrow.array`` leaves zeros and empty texts there, and Sail reads a field without looking at its struct.
    """
    if pa.types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        children = [
            _as_array([None if value is None else value[field.name] for value in values], field.type)
            for field in fields
        ]
        missing = pa.array([value is None for value in values], pa.bool_())
        struct: TextArray = pa.StructArray.from_arrays(children, fields=fields, mask=missing)
        return struct
    if pa.types.is_map(kind):
        entries = [entry for value in values if value is not None for entry in value]
        keys = pa.array([key for key, _ in entries], kind.key_type)
        items = _as_array([item for _, item in entries], kind.item_type)
        # Any, because the stubs ask for a type of known parts.
        map_type: Any = kind
        entered: TextArray = pa.MapArray.from_arrays(_offsets(values), keys, items, type=map_type)
        return entered
    if pa.types.is_list(kind):
        inside = _as_array([item for value in values if value is not None for item in value], kind.value_type)
        listed: TextArray = pa.ListArray.from_arrays(_offsets(values), inside, type=kind)
        return listed
    plain: TextArray = pa.array(values, kind)
    return plain


def _offsets(values: Sequence[Any]) -> Any:
    """Return where each list begins among the items of all, null for one that is null, and where the last one ends."""
    offsets: list[int | None] = []
    at = 0
    for value in values:
        offsets.append(None if value is None else at)
        at += 0 if value is None else len(value)
    return pa.array([*offsets, at], pa.int32())


def nested_arrow_type(kind: str) -> Any:
    return _Reader(kind, wraps=False).read_all()[0]


def _document(text: str, wraps: bool) -> Any:
    try:
        return loads(text)
    except ValueError:
        # The text of a single XML element stands there as it is.
        if wraps:
            return text
        raise


class _Reader:
    """Reads a type and gives its Arrow type and the function that makes a value of it."""

    def __init__(self, kind: str, wraps: bool) -> None:
        self._tokens = _TOKEN.findall(kind)
        self._at = 0
        self._wraps = wraps

    def read_all(self) -> tuple[Any, Convert]:
        return self._read()

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def _read(self) -> tuple[Any, Convert]:
        name = self._next().lower()
        if name == "array":
            self._next()
            element, convert = self._read()
            self._next()
            return pa.list_(element), lambda value: _array(value, convert, self._wraps)
        if name == "map":
            self._next()
            key, to_key = self._read()
            self._next()
            item, to_item = self._read()
            self._next()
            return pa.map_(key, item), lambda value: _map(value, to_key, to_item)
        if name == "struct":
            return self._struct()
        if name == "decimal":
            self._next()
            precision = int(self._next())
            self._next()
            scale = int(self._next())
            self._next()
            return pa.decimal128(precision, scale), _leaf(lambda text: _decimal(text, precision, scale))
        return _scalar(name)

    def _struct(self) -> tuple[Any, Convert]:
        names: list[str] = []
        members: list[tuple[Any, Convert]] = []
        separator = self._next()
        while separator != ">":
            names.append(self._next())
            self._next()
            members.append(self._read())
            separator = self._next()
        fields = [pa.field(name, kind) for name, (kind, _) in zip(names, members, strict=True)]
        converts = [convert for _, convert in members]
        return pa.struct(fields), lambda value: _struct(value, names, converts)


def _scalar(name: str) -> tuple[Any, Convert]:
    if name in _BITS:
        return _INTEGERS[name], _leaf(lambda text: _whole(text, _BITS[name]))
    if name in _FLOATS:
        return _FLOATS[name], _leaf(_float)
    if name == "boolean":
        return pa.bool_(), _leaf(lambda text: _found(_WORDS.get(text.strip().lower())))
    if name == "date":
        return pa.date32(), _leaf(_date)
    if name in ("timestamp", "timestamp_ntz"):
        return pa.timestamp("us", "UTC" if name == "timestamp" else None), _leaf(
            lambda text: _moment(text, zoned=name == "timestamp")
        )
    if name == "binary":
        return pa.binary(), _leaf(str.encode)
    return pa.string(), _leaf(str)


def _leaf(convert: Convert) -> Convert:
    def of(value: Any) -> Any:
        return None if value is None else convert(str(as_text(value)))

    return of


def _array(value: Any, convert: Convert, wraps: bool) -> Any:
    if value is None:
        return None
    if not isinstance(value, list):
        if not wraps:
            raise ValueError("not an array")
        value = [value]
    return [convert(item) for item in value]


def _map(value: Any, to_key: Convert, to_item: Convert) -> Any:
    if value is None:
        return None
    if isinstance(value, dict):
        pairs: Sequence[Any] = list(value.items())
    # Parquet, ORC and Avro hand over the entries of a map.
    elif isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        pairs = value
    else:
        raise ValueError("not a map")
    converted = [(_found(to_key(key)), to_item(item)) for key, item in pairs]
    if len({key for key, _ in converted}) < len(converted):
        raise ValueError("a key comes twice")
    return converted


def _struct(value: Any, names: list[str], converts: list[Convert]) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    found = {str(key).casefold(): item for key, item in value.items()}
    if len(found) < len(value) or found.keys() - {name.casefold() for name in names}:
        raise ValueError("a field that is not declared, or one twice")
    return {name: convert(found.get(name.casefold())) for name, convert in zip(names, converts, strict=True)}


def _found(value: Any) -> Any:
    if value is None:
        raise ValueError("no such value")
    return value


def _whole(text: str, bits: int) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(text)
    number = int(text)
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(text)
    return number


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    return float(text)


def _decimal(text: str, precision: int, scale: int) -> Decimal:
    if not _FIXED.fullmatch(text.strip()):
        raise ValueError(text)
    with localcontext() as context:
        context.prec = precision
        try:
            return Decimal(text.strip()).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        except InvalidOperation as error:
            raise ValueError(text) from error


def _date(text: str) -> date:
    if not _DATE.fullmatch(text.strip()):
        raise ValueError(text)
    return date.fromisoformat(text.strip())


def _moment(text: str, *, zoned: bool) -> datetime:
    if not _MOMENT.fullmatch(text.strip()):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.strip())
    if not zoned:
        if moment.tzinfo is not None:
            raise ValueError(text)
        return moment
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
