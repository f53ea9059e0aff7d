"""Functions whose arguments Sail takes otherwise than Spark: lengths below zero, first places, fractions in JSON."""

from collections.abc import Sequence

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS
from spark_runtime.portable.writer import Different, Writer


def leftmost(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 2:
        return None
    return f"substring({writer.pieces(arguments[0])}, 1, {_not_negative(writer, arguments[1])})"


def rightmost(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 2:
        return None
    return f"CAST({writer.spliced(node, {1: _not_negative(writer, arguments[1])})} AS string)"


def part_of_text(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 3:
        return None
    return writer.spliced(node, {2: _not_negative(writer, arguments[2])})


def part_of_array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a slice that is refused where Spark has none: from place 0, or of a negative length."""
    if len(arguments) != 3:
        return None
    start, length = (writer.pieces(argument) for argument in arguments[1:])
    faulty = [f"({start}) = 0"] if not _is_positive(arguments[1]) else []
    faulty += [f"({length}) < 0"] if not _is_written_number(arguments[2]) else []
    if not faulty:
        return None
    message = "slice: places are counted from 1, and no length is negative"
    return f"CASE WHEN {' OR '.join(faulty)} THEN raise_error('{message}') ELSE {writer.spliced(node)} END"


def as_json(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind is not None and "<" not in kind:
        raise Different(f"{writer.scope.source(node)}: Spark makes JSON of structs, arrays and maps only")
    differing = (*FRACTIONS, "decimal", "timestamp", "binary")
    if kind is None or any(word in kind for word in differing):
        shown = writer.scope.source(node)
        raise Different(
            f"{shown}: this engine writes fractions and instants in JSON otherwise; cast them to string before"
        )
    return None


def _not_negative(writer: Writer, argument: Pieces) -> str:
    value = writer.pieces(argument)
    return value if _is_written_number(argument) else f"CASE WHEN ({value}) < 0 THEN 0 ELSE {value} END"


def _is_written_number(argument: Pieces) -> bool:
    return argument.only is not None and argument.only.kind == "number"


def _is_positive(argument: Pieces) -> bool:
    return _is_written_number(argument) and argument.only is not None and argument.only.name.strip("0") != ""
