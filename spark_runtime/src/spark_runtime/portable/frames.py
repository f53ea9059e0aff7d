"""Aggregates over frames of rows, and the order of nested values, as Spark has them."""

import re
from collections.abc import Sequence

from spark_runtime.portable.agreeing import refuse_maps
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, element_of
from spark_runtime.portable.writer import Different, Writer, as_type

# Aggregates that the engine takes rows out of again as a frame moves on, which leaves what doubles were rounded by.
RUNNING = frozenset(
    {
        "stddev",
        "std",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "corr",
        "covar_pop",
        "covar_samp",
    }
)
_WINDOW = re.compile(r"(?i)\bover\s*[(\w`]")
_MOVING = ("rows", "range")


def refuse_moving(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse an aggregate that computes with doubles over a frame whose first row moves on.

    Raises:
        Different: See there.
    """
    if _moves(writer, node) and (kind in FRACTIONS or node.name in RUNNING):
        raise Different(
            f"{writer.scope.source(node)}: this engine takes doubles out of sums again as the frame moves on, and "
            "keeps NaN and what was rounded; cast the value to decimal(p,s), or begin with UNBOUNDED PRECEDING"
        )


def running(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    refuse_moving(writer, node, writer.scope.type_of_pieces(arguments[0]))
    return None


def unordered(writer: Writer, node: Node, _arguments: Sequence[Pieces]) -> str | None:
    if "order" in _over(node) or _moves(writer, node):
        raise Different(
            f"{writer.scope.source(node)}: Spark has it over whole partitions only; leave ORDER BY out"
        )
    return None


def collected(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a list of a window, without nulls and empty where there is no row; others are so on the engine, too."""
    kind = writer.scope.type_of_pieces(arguments[0])
    if node.name == "collect_set":
        refuse_maps(writer, node, kind)
    if not _is_windowed(writer, node):
        return None
    if kind is None:
        raise Different(f"{writer.scope.source(node)}: the type of what is collected cannot be told; cast it")
    none = as_type("array()", f"array<{kind}>")
    return f"array_compact(coalesce({writer.spliced(node)}, {none}))"


def extreme_of_nested(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str:
    """Return the least or greatest of structs or arrays: to the aggregate itself a null within is the greatest."""
    place = 1 if node.name == "min" else -1
    values = f"collect_list({writer.pieces(arguments[0])}){writer.suffix(node)}"
    return f"try_element_at(sort_array(array_compact({values})), {place})"


def end_of_array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    element = element_of(writer.scope.type_of_pieces(arguments[0]))
    if element is None or "<" not in element:
        return None
    place = 1 if node.name == "array_min" else -1
    return f"try_element_at(sort_array(array_compact({writer.pieces(arguments[0])})), {place})"


def sorted_array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    element = element_of(writer.scope.type_of_pieces(arguments[0]))
    if len(arguments) == 1 and element is not None and "<" in element:
        raise Different(
            f"{writer.scope.source(node)}: to this engine a null within is the greatest; use sort_array, which has "
            "nulls first"
        )
    return None


def overlap(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``arrays_overlap``, false where one array is empty."""
    if any(element_of(writer.scope.type_of_pieces(argument)) in FRACTIONS for argument in arguments):
        raise Different(
            f"{writer.scope.source(node)}: this engine tells -0.0 from 0.0; use exists(xs, x -> array_contains(ys, x))"
        )
    first, second = (writer.pieces(argument) for argument in arguments)
    is_there = f"({first}) IS NOT NULL AND ({second}) IS NOT NULL"
    is_empty = f"size({first}) = 0 OR size({second}) = 0"
    return f"CASE WHEN {is_there} AND ({is_empty}) THEN false ELSE {writer.spliced(node)} END"


def _over(node: Node) -> list[str]:
    return [word for pieces in node.pieces[int(node.to) :] for word in pieces.words()]


def _is_windowed(writer: Writer, node: Node) -> bool:
    return node.suffix is not None and bool(_WINDOW.search(writer.scope.text[node.suffix : node.end]))


def _moves(writer: Writer, node: Node) -> bool:
    """Return whether the first row of a call's frame moves on; that of a window by name may be said elsewhere."""
    words = _over(node)
    if not words and node.suffix is not None:
        words = writer.scope.text.casefold().split()
    for at, word in enumerate(words):
        if word in _MOVING:
            return "unbounded" not in words[at + 1 : at + 3]
    return False
