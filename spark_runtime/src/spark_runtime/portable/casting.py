"""Casts as Spark makes them; those that only this engine has are refused."""

from collections.abc import Sequence

from spark_runtime.casts import MICROS_OF_SECOND, has_cast, since_1970
from spark_runtime.portable.agreeing import MOMENTS
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, SOME_DECIMAL, WHOLE, holds, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type, made

# Functions that cast, and to what.
CASTS = {name: name for name in (*WHOLE, *FRACTIONS, "date", "string", "binary", "boolean", "timestamp")} | {
    "decimal": "decimal(10,0)",
    "to_date": "date",
}
# Functions that read a moment from a text, and cast a number.
OF_MOMENTS = {
    "to_timestamp": "timestamp",
    "to_timestamp_ltz": "timestamp",
    "try_to_timestamp": "timestamp",
    "to_timestamp_ntz": "timestamp_ntz",
}
# Those of them that the engine takes for what they are.
_AS_WRITTEN = frozenset({*WHOLE, "date", "decimal", "to_date"})
_NO_BYTES = frozenset({*WHOLE, *FRACTIONS, "boolean", "date", "timestamp", "timestamp_ntz"})


def cast(writer: Writer, node: Node) -> str:
    only = node.pieces[0].only
    target = writer.scope.type_of(node) or ""
    if only is not None and only.name == "get_json_object" and target != "string":
        # Only the text of numbers differs.
        return writer.spliced(node, {0: writer.spliced(only)})
    return _cast(writer, node, "try_cast" if node.name == "try_cast" else "cast", target)


def called(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a function that casts, such as ``int(x)``."""
    if len(arguments) != 1:
        return None
    return _cast(writer, node, "cast", CASTS[node.name])


def to_moment(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``to_timestamp``, which counts seconds of a number and which the engine gives microseconds."""
    kind = writer.scope.type_of_pieces(arguments[0])
    target = OF_MOMENTS[node.name]
    if len(arguments) != 1 or kind in {None, "void", "string", target}:
        return None
    return _cast(writer, node, "try_cast" if node.name.startswith("try_") else "cast", target)


def _moment_of_seconds(value: str) -> str:
    """Return the moment of a ``bigint``, the first or last there is where it lies beyond them."""
    micros = f"CAST({value} AS decimal(20,0)) * CAST({MICROS_OF_SECOND} AS decimal(7,0))"
    most, least = (
        f"CAST({limit} AS decimal(28,0))" for limit in ("9223372036854775807", "-9223372036854775808")
    )
    held = f"CAST(greatest(least({micros}, {most}), {least}) AS bigint)"
    return f"CASE WHEN ({value}) IS NOT NULL THEN timestamp_micros({held}) END"


def of_branch(value: str, kind: str | None, target: str) -> str:
    """Return a value that stands beside others, as the type that all of them have."""
    return of_text("cast", value, target) if kind == "string" else as_type(value, target)


def of_text(function: str, value: str, target: str) -> str:
    """Return a text cast to another type, for texts that only Spark reads and those that only the engine reads, too."""
    if target == "boolean":
        # The engine takes these words for booleans; quoted they are none.
        value = f"CASE WHEN lower(trim({value})) IN ('on', 'off') THEN concat('\"', {value}, '\"') ELSE {value} END"
    elif target in FRACTIONS:
        marked = "[dDfF][ ]*$"
        plain = f"regexp_replace({value}, '{marked}', '')"
        value = f"CASE WHEN {value} RLIKE '[0-9.]{marked}' THEN {plain} ELSE {value} END"
    elif target == "date":
        value = f"substring_index(substring_index(trim({value}), 'T', 1), ' ', 1)"
    return f"{function}({value} AS {target})"


def _cast(writer: Writer, node: Node, function: str, target: str) -> str:
    kind = writer.scope.type_of_pieces(node.pieces[0])
    value = writer.pieces(node.pieces[0])
    if kind == "string" and is_decimal(target):
        has_exponent = f"{value} RLIKE '^[ ]*[+-]?[0-9.]+[eE][+-]?[0-9]+[ ]*$'"
        by_double = f"{function}(try_cast({value} AS double) AS {target})"
        return f"CASE WHEN {has_exponent} THEN {by_double} ELSE {function}({value} AS {target}) END"
    if kind == "string" and (target in FRACTIONS or target in {"date", "boolean"}):
        text = of_text(function, value, target)
        return made(text) if _cuts(kind, target) else text
    if target == "string" and kind is not None and (kind in FRACTIONS or "<" in kind):
        raise Different(
            f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it "
            "to decimal(p,s) before, or write its parts"
        )
    if target == "binary":
        _require_bytes(writer, node, kind)
    _require_cast(writer, node, kind, target)
    if kind == "timestamp" and (target in WHOLE or is_decimal(target)):
        of_day = (
            f"CAST(unix_micros({value}) AS decimal(20,0)) * 0.000001"
            if is_decimal(target)
            else since_1970(value, MICROS_OF_SECOND)
        )
        return made(f"{function}({of_day} AS {target})")
    if kind == "bigint" and target == "timestamp":
        return _moment_of_seconds(value)
    # The engine has no cast between these two.
    if kind == "boolean" and is_decimal(target):
        return f"{function}(CAST({value} AS int) AS {target})"
    if is_decimal(kind) and target == "boolean":
        return f"({value} <> 0)"
    text = (
        writer.spliced(node)
        if node.kind == "cast" or node.name in _AS_WRITTEN
        else f"{function}({value} AS {target})"
    )
    return made(text) if _cuts(kind, target) else text


def _cuts(kind: str | None, target: str) -> bool:
    """Return whether a cast may give another value than it is given, or an error for a number."""
    if target == "date":
        # With a column that only tells the day, Sail also stops at its guess of how many moments of a file meet it.
        return kind in MOMENTS
    is_number = target in WHOLE or target == "float" or is_decimal(target)
    return is_number and (kind is None or kind == SOME_DECIMAL or not holds(target, kind))


def _require_cast(writer: Writer, node: Node, kind: str | None, target: str) -> None:
    """Refuse a cast that only this engine has.

    Raises:
        Different: See there.
    """
    plain = kind is not None and kind not in {"void", SOME_DECIMAL} and "interval" not in kind + target
    if plain and not has_cast(str(kind), target):
        raise Different(
            f"{writer.scope.source(node)}: Spark makes no {target} of {kind}; write a function that says what is meant"
        )


def _require_bytes(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse bytes of what is no text.

    Raises:
        Different: See there.
    """
    if kind in _NO_BYTES or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: Spark makes no bytes of {kind}; cast it to string before"
        )
