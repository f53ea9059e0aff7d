"""Casts to text, bytes, decimals and whole numbers as Spark makes them."""

from spark_runtime.portable.parse import Node
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type

_NO_BYTES = frozenset({*WHOLE, *FRACTIONS, "boolean", "date", "timestamp", "timestamp_ntz"})


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
        return as_type(f"floor(unix_micros({value}) / 1000000)", target)
    return writer.spliced(node)


def _require_bytes(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse bytes of what is no text.

    Raises:
        Different: See there.
    """
    if kind in _NO_BYTES or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: Spark makes no bytes of {kind}; cast it to string before"
        )
