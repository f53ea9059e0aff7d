"""Types given in SQL so that a value which does not fit can be told from a null, the same on every engine.

Engines agree on plain values and differ at the edges: Spark reads ``1.5d`` and ``1e2`` where Sail does not, Sail reads
``on`` as true, and both take a time of day for today's. What only one of them reads is refused on both.
"""

from dataclasses import dataclass

from spark_runtime.errors import UnsupportedOption
from spark_runtime.sql import comparable, text_literal
from spark_runtime.text_formats import TextFormat, UnknownPattern, iso_text, plain_number

_INTEGERS = {"tinyint", "byte", "smallint", "short", "int", "integer", "bigint", "long"}
_FRACTIONS = {"float", "real", "double"}
_DECIMALS = {"decimal", "dec", "numeric"}
_TEXTS = {"string", "varchar", "char"}
_ALIASES = {
    "integer": "int",
    "long": "bigint",
    "short": "smallint",
    "byte": "tinyint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "timestamp_ltz": "timestamp",
}
_DATE = "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$"
MICROS_OF_SECOND = 1_000_000
# The first second of the year 1, and the one after the year 9999.
_FIRST_SECOND, _AFTER_LAST = -62135596800, 253402300800
_TIMESTAMP = "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9].*)?$"


@dataclass(frozen=True, slots=True)
class Conversion:
    """SQL of a typed value, and of the condition (never null) under which it is lost; ``None`` if it cannot be."""

    value: str
    lost: str | None


def same_type(left: str, right: str) -> bool:
    return canonical_type(left) == canonical_type(right)


def canonical_type(name: str) -> str:
    """Return a type as the engine reports it: lower case, no spaces, no alias."""
    compact = "".join(name.lower().split())
    base, bracket, rest = compact.partition("(")
    base = _ALIASES.get(base, base)
    if base == "decimal" and not bracket:
        return "decimal(10,0)"
    if base == "decimal" and "," not in rest:
        return f"decimal({rest.rstrip(')')},0)"
    if base in _TEXTS:
        return "string"
    return base + bracket + rest


PLAIN = TextFormat()


def is_nested(kind: str) -> bool:
    return kind.startswith(("array<", "map<", "struct<"))


def from_text(
    column: str,
    target: str,
    *,
    null_texts: tuple[str, ...] = (),
    layout: TextFormat = PLAIN,
    encoded: bool = False,
) -> Conversion:
    """Return the conversion of a text from a file.

    Args:
        column: SQL of the text.
        target: Spark SQL type.
        null_texts: Texts that mean null in a column that is not text, besides the empty one.
        layout: How the text is written.
        encoded: A binary value is Base64; else it is the text's own bytes.

    Raises:
        UnsupportedOption: The type cannot be read from a file.
    """
    kind = canonical_type(target)
    if kind == "string":
        return Conversion(column, None)
    if kind == "binary" and encoded:
        return Conversion(f"unbase64({column})", None)
    try:
        value = _parse_text(column, kind, layout)
    except UnknownPattern as error:
        raise UnsupportedOption(str(error)) from error
    return _unless_null(column, value, null_texts)


def _unless_null(column: str, value: str, null_texts: tuple[str, ...]) -> Conversion:
    """Return the conversion of a text of which ``value`` is SQL: null where the text does not fit."""
    nulls = ", ".join(text_literal(text) for text in ("", *null_texts))
    # Only what became null is looked at again, which keeps the clean majority cheap.
    lost = f"CASE WHEN {column} IS NULL OR ({value}) IS NOT NULL THEN false ELSE trim({column}) NOT IN ({nulls}) END"
    return Conversion(value, lost)


def or_typed(value: str, conversion: Conversion) -> Conversion:
    """Return the conversion of what came typed from a file, as the column ``value``, or else as a text."""
    lost = (
        None
        if conversion.lost is None
        else f"CASE WHEN {value} IS NOT NULL THEN false ELSE {conversion.lost} END"
    )
    return Conversion(f"CASE WHEN {value} IS NOT NULL THEN {value} ELSE {conversion.value} END", lost)


def _parse_text(column: str, kind: str, layout: TextFormat) -> str:
    base = kind.partition("(")[0]
    trimmed = f"trim({column})"
    if base in _INTEGERS:
        text = column if layout.thousands is None else plain_number(column, layout, exponent=False)
        return f"try_cast({text} AS {kind})"
    if not layout.has_plain_numbers and (base in _FRACTIONS or base == "decimal"):
        return f"try_cast({plain_number(column, layout, exponent=base != 'decimal')} AS {kind})"
    if layout.pattern is not None and base in {"date", "timestamp", "timestamp_ntz"}:
        return f"try_cast({iso_text(column, layout.pattern)} AS {base})"
    if base in _FRACTIONS:
        return f"CASE WHEN NOT {column} RLIKE '[0-9.][dDfF][ ]*$' THEN try_cast({column} AS {kind}) END"
    if base == "decimal":
        # Spark takes digits of any script for digits.
        return f"CASE WHEN NOT {column} RLIKE '[eE]|[^ -~\\t\\n\\r]' THEN try_cast({column} AS {kind}) END"
    if base == "boolean":
        word = f"lower({trimmed})"
        return (
            f"CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN {word} IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    if base == "date":
        return f"CASE WHEN {trimmed} RLIKE '{_DATE}' THEN try_cast({trimmed} AS date) END"
    if base in {"timestamp", "timestamp_ntz"}:
        return f"CASE WHEN {trimmed} RLIKE '{_TIMESTAMP}' THEN try_cast({trimmed} AS {base}) END"
    if base == "binary":
        return f"CAST({column} AS binary)"
    raise UnsupportedOption(
        f"a column of type {kind} cannot be read from a file yet; declare it as string and take it apart in a step"
    )


def to_declared(column: str, actual: str, declared: str) -> Conversion:
    """Return the conversion of a computed column to the type that the output declares.

    Widening and text are plain casts. Whatever could lose something is checked per row: out of range, not
    parseable, and a fraction where a whole number is declared.
    """
    actual, declared = canonical_type(actual), canonical_type(declared)
    if actual == declared:
        return Conversion(column, None)
    if actual == "string":
        return from_text(column, declared)
    if declared == "string" or (actual, declared) in _WIDENINGS or actual in {"void", "null"}:
        return Conversion(f"CAST({column} AS {declared})", None)
    _require_cast(actual, declared)
    if is_nested(declared):
        # A part that does not fit stops the node: tried, it would become a null that nobody sees.
        return Conversion(f"CAST({column} AS {declared})", None)
    value = _try_cast(column, actual, declared)
    lost = f"({column} IS NOT NULL AND ({value}) IS NULL)"
    if declared in _INTEGERS and (actual in _FRACTIONS or actual.startswith("decimal")):
        lost = f"({column} IS NOT NULL AND coalesce({column} <> {value}, true))"
    return Conversion(value, lost)


def _require_cast(actual: str, kind: str) -> None:
    """Refuse what Spark has no cast for: Sail makes days of a number, for example, or null of all dates.

    Raises:
        UnsupportedOption: There is no such cast.
    """
    if not has_cast(actual, kind):
        raise UnsupportedOption(
            f"there is no cast from {actual} to {kind}; write a function that says what is meant"
        )


def has_cast(actual: str, kind: str) -> bool:
    """Return whether Spark casts from one type to another, both as engines report them."""
    if is_nested(actual) or is_nested(kind):
        return kind == "string" or actual.partition("<")[0] == kind.partition("<")[0]
    known = _CASTS.get(_family(actual))
    return known is None or _family(kind) in known


def _family(kind: str) -> str:
    return "number" if kind in _INTEGERS | _FRACTIONS or kind.startswith("decimal") else kind


def _try_cast(column: str, actual: str, kind: str) -> str:
    """Return SQL of a value of another type, null where it does not fit."""
    # Sail has no cast between these two.
    if actual == "boolean" and kind.startswith("decimal"):
        return f"try_cast(CAST({column} AS int) AS {kind})"
    if actual.startswith("decimal") and kind == "boolean":
        return f"({column} <> 0)"
    if actual == "timestamp" and (kind in _INTEGERS or kind.startswith("decimal")):
        return _seconds(column, kind)
    if kind == "timestamp" and _family(actual) == "number":
        # Of a number beyond Spark makes its last moment and Sail any; at NaN Sail stops.
        number = comparable(f"CAST({column} AS double)", "double")
        is_moment = f"{number} >= {_FIRST_SECOND}D AND {number} < {_AFTER_LAST}D"
        return f"CASE WHEN {is_moment} THEN try_cast({column} AS {kind}) END"
    return f"try_cast({column} AS {kind})"


def since_1970(moment: str, unit_micros: int) -> str:
    """Return SQL of the whole units since 1970 of a moment, rounded down, as a ``bigint``.

    Args:
        moment: SQL of a ``timestamp``.
        unit_micros: How long a unit is, in microseconds.
    """
    micros = f"unix_micros({moment})"
    return f"(({micros} - pmod({micros}, {unit_micros}L)) div {unit_micros}L)"


def _seconds(column: str, kind: str) -> str:
    """Return SQL of the seconds since 1970, rounded down or half up; Sail makes a double of them on the way."""
    if kind in _INTEGERS:
        return f"try_cast({since_1970(column, MICROS_OF_SECOND)} AS {kind})"
    return (
        f"try_cast(CAST(unix_micros({column}) AS decimal(20,0)) * CAST('0.000001' AS decimal(6,6)) AS {kind})"
    )


_WIDENINGS = {
    (small, large)
    for order in (
        ("tinyint", "smallint", "int", "bigint"),
        ("tinyint", "smallint", "int", "double"),
        ("float", "double"),
    )
    for at, small in enumerate(order)
    for large in order[at + 1 :]
} | {("date", "timestamp")}


# As Spark with ANSI has them, but for what is text.
_CASTS = {
    "number": {"number", "boolean", "timestamp", "string"},
    "boolean": {"number", "boolean", "string"},
    "date": {"date", "timestamp", "timestamp_ntz", "string"},
    "timestamp": {"number", "date", "timestamp", "timestamp_ntz", "string"},
    "timestamp_ntz": {"date", "timestamp", "timestamp_ntz", "string"},
    "binary": {"binary", "string"},
}


def asked_for(column: str, actual: str, target: str, pattern: str | None) -> Conversion:
    """Return the conversion of a ``cast`` step, which the product's author asked for: fractions may be cut.

    Args:
        pattern: Datetime pattern of a text, for a date or timestamp.
    """
    kind = canonical_type(target)
    if pattern is not None:
        value = f"try_to_timestamp({column}, {text_literal(pattern)})"
        if kind == "date":
            value = f"CAST({value} AS date)"
    elif canonical_type(actual) == "string":
        return from_text(column, kind)
    elif kind == "string" or canonical_type(actual) == kind or (canonical_type(actual), kind) in _WIDENINGS:
        return Conversion(f"CAST({column} AS {kind})", None)
    else:
        _require_cast(canonical_type(actual), kind)
        if is_nested(kind):
            return Conversion(f"CAST({column} AS {kind})", None)
        value = _try_cast(column, canonical_type(actual), kind)
    return Conversion(value, f"({column} IS NOT NULL AND ({value}) IS NULL)")
