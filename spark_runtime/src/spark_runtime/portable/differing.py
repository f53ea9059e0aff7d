"""Functions and patterns that Sail takes otherwise than Spark, written anew where that is possible, else refused."""

import re
from collections.abc import Sequence

from spark_runtime.portable import types
from spark_runtime.portable.arguments import Different, Writer
from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.scope import literal_places
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal

REFUSED = {
    "initcap": "write upper(left(x, 1)) || lower(substring(x, 2)), or keep the text as it is",
    "percentile_approx": "use percentile",
    "approx_percentile": "use percentile",
    "rint": "use round",
    "get_json_object": "use from_json with the type of the field",
    "conv": "use hex for base 16, bin for base 2",
    "mask": "use the step mask, or regexp_replace",
    "product": "Spark has no such function; use exp(sum(ln(x)))",
}
# What Spark takes out of a date or moment.
_FIELDS = frozenset(
    [
        "year",
        "y",
        "years",
        "yr",
        "yrs",
        "yearofweek",
        "quarter",
        "qtr",
        "month",
        "mon",
        "mons",
        "months",
        "week",
        "w",
        "weeks",
        "day",
        "d",
        "days",
        "dayofweek",
        "dow",
        "dayofweek_iso",
        "dow_iso",
        "doy",
        "hour",
        "h",
        "hours",
        "hr",
        "hrs",
        "minute",
        "m",
        "min",
        "mins",
        "minutes",
        "second",
        "s",
        "sec",
        "seconds",
        "secs",
    ]
)
_POSIX = re.compile(
    r"\[\[:|\\+[pP]\{(Lower|Upper|ASCII|Alpha|Digit|Alnum|Punct|Graph|Print|Blank|Cntrl|XDigit|Space)\}"
)
_NO_BYTES = frozenset({*WHOLE, *FRACTIONS, "boolean", "date", "timestamp", "timestamp_ntz"})


def same_pattern(pattern: str) -> None:
    """Refuse the text of a regular expression with classes that are ASCII, or nothing at all, for Java.

    Raises:
        Different: See there.
    """
    found = _POSIX.search(pattern)
    if found is not None:
        raise Different(
            f"this engine reads {found[0]} in a regular expression otherwise; write the characters, such as [A-Za-z]"
        )


def one_kind(writer: Writer, node: Node, pieces: Sequence[Pieces]) -> None:
    """Refuse values of which one is to be chosen, where some are texts and others are not: Spark casts the texts.

    Raises:
        Different: See there.
    """
    kinds = {writer.scope.type_of_pieces(item) for item in pieces} - {"void"}
    others = {kind for kind in kinds if kind in WHOLE or kind in FRACTIONS or is_decimal(kind)}
    if "string" in kinds and others:
        raise Different(
            f"{writer.scope.source(node)}: text and {min(map(str, others))} come to text on this engine and to a "
            "number on Spark; cast one of them"
        )


def array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    one_kind(writer, node, arguments)
    return None


def if_there(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``nvl2``, which the engine gives the type of its first argument."""
    if len(arguments) != 3:
        return None
    one_kind(writer, node, arguments[1:])
    kind = types.common([writer.scope.type_of_pieces(item) for item in arguments[1:]])
    asked, there, missing = (writer.pieces(item) for item in arguments)
    if kind is not None:
        there, missing = f"CAST({there} AS {kind})", f"CAST({missing} AS {kind})"
    return f"CASE WHEN ({asked}) IS NOT NULL THEN {there} ELSE {missing} END"


def remainder(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a remainder of decimals with the digits that Spark gives it."""
    if len(arguments) != 2 or not any(is_decimal(writer.scope.type_of_pieces(item)) for item in arguments):
        return None
    digits = writer.scope.digits(node)
    return None if digits is None else f"CAST({writer.spliced(node)} AS {types.arithmetic('%', *digits)})"


def difference(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return the difference of dates, in days or by a unit."""
    if len(arguments) != 3:
        return f"CAST({writer.spliced(node)} AS int)"
    unit = arguments[0].only
    name = unit.name.strip("'\"").lower() if unit is not None else ""
    kinds = [writer.scope.type_of_pieces(item) for item in arguments[1:]]
    is_of_days = kinds == ["date", "date"] and name in ("day", "month")
    if not is_of_days and name not in ("hour", "minute", "second"):
        raise Different(
            f"{writer.scope.source(node)}: days and months are counted alike between two dates only; use datediff, "
            "months_between or the difference of unix_micros"
        )
    return f"CAST({writer.spliced(node)} AS bigint)"


def since_1970(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``unix_seconds`` rounded down before 1970, too."""
    return f"CAST(floor(unix_micros({writer.pieces(arguments[0])}) / 1000000) AS bigint)"


def formatted(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind == "bigint" or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: this engine makes a double of {kind} and rounds it otherwise; write "
            "cast(round(x, n) as string)"
        )
    if kind not in FRACTIONS:
        return None
    value = writer.pieces(arguments[0])
    endless = "CAST('Infinity' AS double)"
    return f"CASE {value} WHEN {endless} THEN '∞' WHEN -{endless} THEN '-∞' ELSE {writer.spliced(node)} END"


def printed(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    pattern = arguments[0].only
    text = writer.scope.source(pattern) if pattern is not None and pattern.kind == "string" else "%f"
    if re.search(r"%[^a-zA-Z%]*[aefgAEG]", text):
        raise Different(
            f"{writer.scope.source(node)}: this engine rounds fractions in a text otherwise; write %s and "
            "cast(round(x, n) as decimal(p,n))"
        )
    return None


def even(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    places = literal_places(arguments)
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind in WHOLE and (places is None or places < 0):
        raise Different(
            f"{writer.scope.source(node)}: bround lets whole numbers overflow on this engine; use round"
        )
    return None


def to_places(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``ceil`` or ``floor``; of a double to places it makes null of what is not finite."""
    if len(arguments) == 2 and writer.scope.type_of_pieces(arguments[0]) in FRACTIONS:
        raise Different(
            f"{writer.scope.source(node)}: this engine gives other digits; cast the double to decimal(p,s) before"
        )
    return None


def stacked(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    rows = arguments[0].only
    if rows is None or not rows.name.isdigit() or int(rows.name) < 1:
        return None
    values = arguments[1:]
    width = -(-len(values) // int(rows.name))
    for column in range(width):
        kinds = {writer.scope.type_of_pieces(item) for item in values[column::width]} - {None, "void"}
        if len(kinds) > 1:
            raise Different(
                f"{writer.scope.source(node)}: Spark stacks values of one type only, not "
                f"{' and '.join(sorted(map(str, kinds)))}; cast them"
            )
    return None


def known_field(field: Node | Token) -> None:
    """Refuse what only this engine takes out of a date or moment.

    Raises:
        Different: See there.
    """
    name = (field.name if isinstance(field, Node) else field.text).strip("'\"").lower()
    if name not in _FIELDS:
        instead = "unix_timestamp" if name == "epoch" else "a field that Spark knows"
        raise Different(f"extract({name} from …) is not understood by every Spark engine; use {instead}")


def as_bytes(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse bytes of what is no text.

    Raises:
        Different: See there.
    """
    if kind in _NO_BYTES or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: Spark makes no bytes of {kind}; cast it to string before"
        )
