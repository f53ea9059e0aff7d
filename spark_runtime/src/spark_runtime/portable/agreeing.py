"""Which types Spark takes together: compares, chooses among, or computes with; Sail takes more, and guesses."""

from collections.abc import Iterable, Sequence

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, READ_FROM_TEXT, WHOLE, element_of, is_decimal
from spark_runtime.portable.writer import Different, Writer

MOMENTS = ("timestamp", "timestamp_ntz")


def is_number(kind: str | None) -> bool:
    return kind in WHOLE or kind in FRACTIONS or is_decimal(kind)


def require_compared(writer: Writer, node: Node, kinds: Iterable[str | None]) -> None:
    """Refuse a comparison that Spark has not: days of a date with a number, for example.

    Raises:
        Different: See there.
    """
    own = writer.scope.type_of(node)
    for other in kinds:
        if own is not None and other is not None and not are_compared(own, other):
            raise Different(
                f"{writer.scope.source(node)}: Spark does not compare {own} with {other}; "
                + ("compare map_entries" if "map<" in own + other else "cast one of them")
            )


def require_one_kind(writer: Writer, node: Node, pieces: Sequence[Pieces]) -> None:
    """Refuse values of which one is to be chosen, where Spark has no type for all of them or casts the texts.

    Raises:
        Different: See there.
    """
    found = {str(kind) for kind in map(writer.scope.type_of_pieces, pieces) if kind is not None}
    kinds = sorted(kind for kind in found if "void" not in kind)
    for at, first in enumerate(kinds):
        for second in kinds[at + 1 :]:
            if not _stand_together(first, second):
                raise Different(
                    f"{writer.scope.source(node)}: {first} and {second} come to another type on this engine than on "
                    "Spark, if Spark takes them together; cast one of them"
                )


def require_numbers(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> None:
    """Refuse arguments of a function of numbers that are dates, moments, booleans and the like.

    Raises:
        Different: See there.
    """
    for argument in arguments:
        kind = writer.scope.type_of_pieces(argument)
        if kind not in {None, "void", "string"} and not is_number(kind):
            raise Different(f"{writer.scope.source(node)}: Spark takes numbers here, not {kind}; cast it")


def refuse_maps(writer: Writer, node: Node, kind: str | None) -> None:
    """Refuse values that hold maps where they would be compared.

    Raises:
        Different: See there.
    """
    if kind is not None and "map<" in kind:
        raise Different(f"{writer.scope.source(node)}: Spark does not compare maps; use map_entries")


def are_compared(left: str, right: str) -> bool:
    """Return whether Spark compares values of two types, a text being read as the other."""
    if "map<" in left + right:
        return False
    if left == right or "void" in {left, right}:
        return True
    if "<" in left + right:
        inner = [element_of(kind) if kind.startswith("array<") else None for kind in (left, right)]
        if left.startswith("struct<") and right.startswith("struct<"):
            return True
        first, second = inner
        if first is None or second is None or ("string" in inner and first != second and "void" not in inner):
            return False
        return are_compared(first, second)
    return "string" in {left, right} or _family(left) == _family(right)


def _stand_together(left: str, right: str) -> bool:
    if "string" in {left, right}:
        return left in READ_FROM_TEXT or right in READ_FROM_TEXT
    if {left, right} <= {"date", *MOMENTS}:
        return True
    return (is_number(left) and is_number(right)) or any("interval" in kind for kind in (left, right))


def _family(kind: str) -> str:
    if is_number(kind):
        return "number"
    return "moment" if kind in {"date", *MOMENTS} else kind
