"""Functions of numbers, texts and lists that Sail takes otherwise than Spark: written anew, or refused."""

import re
from collections.abc import Sequence

from spark_runtime.portable import types
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.scope import literal_places
from spark_runtime.portable.types import FRACTIONS, WHOLE, digits_of, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type


def remainder(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a remainder of decimals with the digits that Spark gives it."""
    if len(arguments) != 2 or not any(is_decimal(writer.scope.type_of_pieces(item)) for item in arguments):
        return None
    digits = writer.scope.digits(node)
    return None if digits is None else f"CAST({writer.spliced(node)} AS {types.arithmetic('%', *digits)})"


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


def rounded(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind, places = writer.scope.type_of_pieces(arguments[0]), literal_places(arguments)
    if kind == "float":
        further = "".join(f", {writer.pieces(argument)}" for argument in arguments[1:])
        return as_type(f"{node.name}({as_type(writer.pieces(arguments[0]), 'double')}{further})", kind)
    digits = digits_of(kind) if kind is not None and is_decimal(kind) else None
    if digits is None or places is None:
        return None
    return as_type(writer.spliced(node), str(types.rounded(digits, places)))


def first_kept(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind in FRACTIONS and len(arguments) == 2:
        # By comparing, which takes -0.0 for 0.0.
        first, other = (writer.pieces(argument) for argument in arguments)
        return f"CASE WHEN ({first}) = ({other}) THEN CAST(NULL AS {kind}) ELSE {first} END"
    return as_type(writer.spliced(node), kind) if kind is not None and digits_of(kind) is not None else None


def is_nan(writer: Writer, node: Node, _arguments: Sequence[Pieces]) -> str | None:
    return f"coalesce({writer.spliced(node)}, false)"


def holds(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    found = writer.spliced(node)
    array = writer.pieces(arguments[0])
    return f"CASE WHEN {found} OR NOT exists({array}, _lf_e -> _lf_e IS NULL) THEN {found} END"


def from_json(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    schema = writer.scope.source(arguments[1].only) if len(arguments) > 1 and arguments[1].only else ""
    if re.search(r"(?i)\b(tinyint|byte|smallint|short|int|integer|bigint|long)\b", schema):
        raise Different(
            "from_json lets whole numbers overflow on this engine; read them as string and cast them after"
        )
    return None


def hashed(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    plain = {*WHOLE, "string", "boolean", "date", "timestamp"}
    if any(writer.scope.type_of_pieces(argument) not in plain for argument in arguments):
        raise Different(
            f"{writer.scope.source(node)}: this engine hashes fractions and nested values in another way; use "
            "sha2 of a text, or the step surrogate_key"
        )
    return None


def joined(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    for argument in arguments:
        kind = writer.scope.type_of_pieces(argument)
        if kind in FRACTIONS:
            raise Different(
                f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it to "
                "decimal(p,s) before"
            )
    return None
