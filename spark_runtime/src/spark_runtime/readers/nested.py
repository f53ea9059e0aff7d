"""Structs, arrays and maps from JSON text, strictly: each part that does not fit is told, and the value is not used.

The engines' own ``from_json`` puts null in the place of a part that does not fit, or lets it overflow, without a word.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import Drifted, Further, Repeating, TextArray, as_sound, as_text, loads
from spark_runtime.readers.type_tree import Part, type_tree

_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(Infinity|inf)|NaN")
_FIXED = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# As engines read it from the text of a column, so that a moment within a value is no other one.
_OFFSET = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2}(:[0-9]{2})?)?)"
_TIME = rf"[0-9]{{2}}(:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]+)?({_OFFSET})?)?)?"
_MOMENT = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{_TIME})?")
_FURTHEST_OFFSET = timedelta(hours=18)
_WORDS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "0"), False
)
_STEPS = re.compile(r"\[\]|\{\}|\{key\}")
# Of a row that is refused, so many parts are told, with so much of the text of each.
_TOLD_PARTS = 5
_TOLD_CHARACTERS = 100
# What the text of an XML element is called beside its attributes and elements.
_TEXT = "_value"
# Parts paths in a list of them; no path holds it.
FENCE = "|"


@dataclass(frozen=True, slots=True)
class NestedColumn:
    """A declared column of a nested type.

    Attributes:
        at: Its number among the columns that are read.
        name: What the table calls it; paths begin with it.
        kind: Spark SQL type in its one spelling.
    """

    at: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format writes nested values as JSON, and what becomes of fields that are not declared.

    Attributes:
        wraps: A single value stands for an array of one, as XML writes it.
        encoded: Binary values are Base64, as those of formats that know types; else they are the text's own bytes.
        nulls: Texts that mean null, beside the empty one.
        further: Fields that are not declared make the value not fit, fail the file, are passed over, or are kept.
    """

    wraps: bool = False
    encoded: bool = False
    nulls: tuple[str, ...] = ()
    further: Further = "refuse"


PLAIN = Spelling()


@dataclass(frozen=True, slots=True)
class NestedValues:
    """Values of one nested column, one per row.

    Attributes:
        values: As declared; null where a part does not fit.
        misfits: Paths of the parts that do not fit, each between fences; null where all fits.
        told: The same in words, with their texts.
        further: By row, fields that are not declared and are to be kept, by their paths.
    """

    values: TextArray
    misfits: TextArray
    told: TextArray
    further: Mapping[int, Mapping[str, Any]]


def as_nested(
    texts: TextArray, column: NestedColumn, spelling: Spelling, lines: "TextArray | None" = None
) -> NestedValues:
    """Return JSON texts as values of a nested type.

    Args:
        lines: Line or number of each record in its file.

    Raises:
        Drifted: A field is not declared, and the declared ones are frozen.
    """
    root = type_tree(column.kind, column.name)
    nulls = {"", *spelling.nulls}
    values: list[Any] = []
    misfits: list[str | None] = []
    told: list[str | None] = []
    further: dict[int, Mapping[str, Any]] = {}
    for row, text in enumerate(texts.to_pylist()):
        value = _Value(spelling)
        found = None if text is None or text.strip() in nulls else value.read(text, root)
        if value.misfits:
            misfits.append(FENCE + "".join(path + FENCE for path in value.misfits))
            told.append(as_sound("; ".join(value.told)))
            values.append(None)
            continue
        if value.further and spelling.further == "fail":
            record = "" if lines is None else f"record {lines[row]} has "
            raise Drifted(f"{record}unexpected field '{next(iter(value.further))}'")
        if value.further:
            further[row] = value.further
        values.append(found)
        misfits.append(None)
        told.append(None)
    return NestedValues(
        _as_array(values, root.arrow), pa.array(misfits, pa.string()), pa.array(told, pa.string()), further
    )


def nested_arrow_type(kind: str) -> Any:
    """Return the Arrow type of a Spark SQL type in its one spelling."""
    return type_tree(kind).arrow


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


class _Value:
    """Reads one value, and notes what does not fit and what is not declared."""

    def __init__(self, spelling: Spelling) -> None:
        self.misfits: dict[str, None] = {}
        self.told: list[str] = []
        self.further: dict[str, Any] = {}
        self._spelling = spelling
        # Places in the arrays and keys in the maps on the way to the part that is being read.
        self._trail: list[str] = []

    def read(self, text: str, root: Part) -> Any:
        try:
            return self._part(loads(text), root)
        except (ValueError, RecursionError):
            # The text of a single XML element stands there as it is.
            return self._part(text, root) if self._spelling.wraps else self._misfit(root, text, "is no JSON")

    def _part(self, value: Any, part: Part | None) -> Any:
        if value is None or part is None:
            return None
        if part.base == "array":
            return self._array(value, part)
        if part.base == "map":
            return self._map(value, part)
        if part.base == "struct":
            return self._struct(value, part)
        text = str(as_text(value))
        try:
            return _leaf(text, part, encoded=self._spelling.encoded)
        except (ValueError, ArithmeticError):
            return self._misfit(part, value)

    def _array(self, value: Any, part: Part) -> Any:
        if not isinstance(value, list):
            if not self._spelling.wraps:
                return self._misfit(part, value)
            value = [value]
        return [self._inside(str(at), item, part.inner) for at, item in enumerate(value)]

    def _map(self, value: Any, part: Part) -> Any:
        if isinstance(value, dict):
            pairs: Sequence[Any] = value.pairs if isinstance(value, Repeating) else list(value.items())
        # Parquet, ORC and Avro hand over the entries of a map.
        elif isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            pairs = value
        else:
            return self._misfit(part, value)
        converted = []
        for given, item in pairs:
            key = self._inside(str(given), given, part.key)
            if key is None and given is None:
                self._misfit(part, value, "has a key that is null")
            converted.append((key, self._inside(str(given), item, part.inner)))
        keys = [repr(key) for key, _ in converted if key is not None]
        if len(set(keys)) < len(keys):
            return self._misfit(part, value, "has a key twice")
        return converted

    def _inside(self, step: str, value: Any, part: Part | None) -> Any:
        self._trail.append(step)
        found = self._part(value, part)
        self._trail.pop()
        return found

    def _struct(self, value: Any, part: Part) -> Any:
        if self._spelling.wraps and isinstance(value, str) and any(name == _TEXT for name, _ in part.fields):
            value = {_TEXT: value}
        if not isinstance(value, dict):
            return self._misfit(part, value)
        found = {str(key).casefold(): item for key, item in value.items()}
        if len(found) < len(value) or isinstance(value, Repeating):
            return self._misfit(part, value, "has a field twice")
        surplus = found.keys() - {name.casefold() for name, _ in part.fields}
        if surplus and self._spelling.further == "refuse":
            names = [str(key) for key in value if str(key).casefold() in surplus]
            return self._misfit(part, value, f"has unexpected field '{names[0]}'")
        if surplus and self._spelling.further != "ignore":
            front = self._place(part)
            # A null is nothing to keep, and in a typed format no field that the value has.
            passes_nulls = self._spelling.encoded or self._spelling.further == "keep"
            self.further |= {
                f"{front}.{key}": item
                for key, item in value.items()
                if str(key).casefold() in surplus and not (item is None and passes_nulls)
            }
        return {name: self._part(found.get(name.casefold()), inner) for name, inner in part.fields}

    def _misfit(self, part: Part, value: Any, fault: str | None = None) -> None:
        self.misfits[part.path] = None
        if len(self.told) < _TOLD_PARTS:
            text = str(as_text(value))
            shown = text if len(text) <= _TOLD_CHARACTERS else text[: _TOLD_CHARACTERS - 1] + "…"
            self.told.append(f"{self._place(part)}: '{shown}' {fault or f'is not {part.kind}'}")

    def _place(self, part: Part) -> str:
        """Return the path of a part with the places of its elements, counted from 0, and the keys of its maps."""
        steps = iter(self._trail)

        def step(sign: re.Match[str]) -> str:
            at = next(steps)
            return f"[{at}]" if sign[0] == "[]" else f"{{{at}}}"

        return _STEPS.sub(step, part.path)


def _leaf(text: str, part: Part, *, encoded: bool) -> Any:
    if part.base in _BITS:
        return _whole(text, _BITS[part.base])
    if part.base == "binary":
        return base64.b64decode(text, validate=True) if encoded else text.encode()
    if part.base == "decimal":
        return _decimal(text, *part.digits)
    return _LEAVES.get(part.base, _string)(text)


def _string(text: str) -> str:
    if not text.isascii():
        # Half of a surrogate pair, which JSON can spell, is no text.
        text.encode()
    return text


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


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _WORDS:
        raise ValueError(text)
    return _WORDS[word]


def _date(text: str) -> date:
    if not _DATE.fullmatch(text.strip()):
        raise ValueError(text)
    return date.fromisoformat(text.strip())


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text.strip()):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.strip())
    if abs(moment.utcoffset() or timedelta()) > _FURTHEST_OFFSET:
        raise ValueError(text)
    return moment


def _instant(text: str) -> datetime:
    moment = _moment(text)
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _reading(text: str) -> datetime:
    moment = _moment(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return moment


_LEAVES: dict[str, Callable[[str], Any]] = {
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _instant,
    "timestamp_ntz": _reading,
}
