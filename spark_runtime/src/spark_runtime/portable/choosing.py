"""Values of which one is chosen: each has the type of the whole, as on Spark."""

from collections.abc import Sequence

from spark_runtime.portable import types
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type

# Functions that choose among their arguments, and which is the first of these.
FIRST_CHOICE = {"coalesce": 0, "ifnull": 0, "nvl": 0, "greatest": 0, "least": 0, "if": 1, "iff": 1}


def chosen(writer: Writer, node: Node, branches: range) -> str:
    """Return a choice among values that all have the type of the whole."""
    kinds = {number: writer.scope.type_of_pieces(node.pieces[number]) for number in branches}
    kind = types.common(list(kinds.values()))
    if kind is None:
        _require_one_kind(writer, node, [node.pieces[number] for number in branches])
        return writer.spliced(node)
    return writer.spliced(
        node,
        {
            number: as_type(writer.pieces(node.pieces[number]), kind)
            for number, own in kinds.items()
            if own != kind and own != "void"
        },
    )


def if_there(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``nvl2``, which the engine gives the type of its first argument."""
    if len(arguments) != 3:
        return None
    _require_one_kind(writer, node, arguments[1:])
    kind = types.common([writer.scope.type_of_pieces(item) for item in arguments[1:]])
    asked, there, missing = (writer.pieces(item) for item in arguments)
    if kind is not None:
        there, missing = f"CAST({there} AS {kind})", f"CAST({missing} AS {kind})"
    return f"CASE WHEN ({asked}) IS NOT NULL THEN {there} ELSE {missing} END"


def array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    _require_one_kind(writer, node, arguments)
    return None


def _require_one_kind(writer: Writer, node: Node, pieces: Sequence[Pieces]) -> None:
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
