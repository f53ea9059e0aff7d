"""Casts to text, bytes, decimals, whole numbers and dates as Spark makes them."""

from collections.abc import Sequence

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, SOME_DECIMAL, WHOLE, holds, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type, made

# Functions that cast, and to what.
CASTS = {name: name for name in (*WHOLE, "float", "date")} | {"decimal": "decimal(10,0)", "to_date": "date"}
_NO_BYTES = frozenset({*WHOLE, *FRACTIONS, "boolean", "date", "timestamp", "timestamp_ntz"})
_MOMENTS = ("timestamp", "timestamp_ntz")


def cast(writer: Writer, node: Node) -> str:
    kind = writer.scope.type_of_pieces(node.pieces[0])
    target = writer.scope.type_of(node) or ""
    only = node.pieces[0].only
    if only is not None and only.name == "get_json_object" and target != "string":
        # Only the text of numbers differs.
        return writer.spliced(node, {0: writer.spliced(only)})
    value = writer.pieces(node.pieces[0])
    if kind == "string" and is_decimal(target):
        has_exponent = f"{value} RLIKE '^[ ]*[+-]?[0-9.]+[eE][+-]?[0-9]+[ ]*$'"
        plain = f"{node.name}({value} AS {target})"
        return (
            f"CASE WHEN {has_exponent} THEN CAST(try_cast({value} AS double) AS {target}) ELSE {plain} END"
            if node.name == "cast"
            else f"CASE WHEN {has_exponent} THEN try_cast(try_cast({value} AS double) AS {target}) ELSE {plain} END"
        )
    if target == "string" and kind is not None and (kind in FRACTIONS or "<" in kind):
        raise Different(
            f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it "
            "to decimal(p,s) before, or write its parts"
        )
    if target == "binary":
        _require_bytes(writer, node, kind)
    if kind == "timestamp" and target in {"int", "bigint"}:
        return made(as_type(f"floor(unix_micros({value}) / 1000000)", target))
    return made(writer.spliced(node)) if _cuts(kind, target) else writer.spliced(node)


def called(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a function that casts, such as ``int(x)``."""
    cuts = _cuts(writer.scope.type_of_pieces(arguments[0]), CASTS[node.name])
    return made(writer.spliced(node)) if cuts else None


def _cuts(kind: str | None, target: str) -> bool:
    """Return whether a cast may give another value than it is given, or an error for a number."""
    if target == "date":
        # With a column that only tells the day, Sail also stops at its guess of how many moments of a file meet it.
        return kind in _MOMENTS
    is_number = target in WHOLE or target == "float" or is_decimal(target)
    return is_number and (kind is None or kind == SOME_DECIMAL or not holds(target, kind))


def _require_bytes(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse bytes of what is no text.

    Raises:
        Different: See there.
    """
    if kind in _NO_BYTES or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: Spark makes no bytes of {kind}; cast it to string before"
        )
