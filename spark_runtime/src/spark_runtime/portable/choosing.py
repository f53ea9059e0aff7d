"""Values of which one is chosen: each has the type of the whole, as on Spark."""

from collections.abc import Sequence

from spark_runtime.portable import casting, types
from spark_runtime.portable.agreeing import is_number, require_compared, require_one_kind
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.types import FRACTIONS, is_decimal
from spark_runtime.portable.writer import Different, Writer
from spark_runtime.sql import comparable

# Functions that choose among their arguments, and which is the first of these.
FIRST_CHOICE = {"coalesce": 0, "ifnull": 0, "nvl": 0, "greatest": 0, "least": 0}
# How many values those choose from that this engine lets choose from one.
_ARGUMENTS = {
    "ifnull": range(2, 3),
    "nvl": range(2, 3),
    "greatest": range(2, 10_000),
    "least": range(2, 10_000),
}


def chosen(writer: Writer, node: Node, branches: range) -> str:
    """Return a choice among values that all have the type of the whole."""
    wanted = _ARGUMENTS.get(node.name)
    if wanted is not None and len(branches) not in wanted:
        raise Different(f"{writer.scope.source(node)}: Spark takes another number of arguments here")
    kinds = {number: writer.scope.type_of_pieces(node.pieces[number]) for number in branches}
    require_one_kind(writer, node, [node.pieces[number] for number in branches])
    kind = types.common(list(kinds.values()))
    changed = {
        number: _choice(writer, node, number, own, kind)
        for number, own in kinds.items()
        if kind is not None and own != "void" and (own != kind or _compares(node, kind))
    }
    text = writer.spliced(node, changed)
    # Under these names the engine makes doubles of decimals.
    return f"coalesce{text[len(node.name) :]}" if node.name in {"nvl", "ifnull"} else text


def _choice(writer: Writer, node: Node, number: int, own: str | None, kind: str) -> str:
    value = writer.pieces(node.pieces[number])
    typed = value if own == kind else casting.of_branch(value, own, kind)
    return comparable(typed, kind) if _compares(node, kind) else typed


def _compares(node: Node, kind: str) -> bool:
    """Return whether the values are fractions that are compared with each other."""
    return node.name in {"greatest", "least"} and kind in FRACTIONS


def if_there(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``nvl2``, which the engine gives the type of its first argument."""
    if len(arguments) != 3:
        return None
    require_one_kind(writer, node, arguments[1:])
    kind = types.common([writer.scope.type_of_pieces(item) for item in arguments[1:]])
    asked, there, missing = (writer.pieces(item) for item in arguments)
    if kind is not None:
        there, missing = f"CAST({there} AS {kind})", f"CAST({missing} AS {kind})"
    return f"CASE WHEN ({asked}) IS NOT NULL THEN {there} ELSE {missing} END"


def array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    return chosen(writer, node, range(len(arguments)))


def if_met(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if is_number(kind):
        raise Different(f"{writer.scope.source(node)}: the condition is {kind}; compare it with something")
    return chosen(writer, node, range(1, len(arguments)))


def require_cases(writer: Writer, node: Node) -> None:
    """Refuse a CASE of a value and values that Spark does not compare with it, or the engine in another way.

    Raises:
        Different: See there.
    """
    operand, *cases = node.pieces[int(node.to) :] or (Pieces(()),)
    has_operand = not writer.scope.text[node.start + len("case") :].lstrip().casefold().startswith("when")
    if not has_operand or operand.only is None:
        return
    kinds = {writer.scope.type_of_pieces(case) for case in cases}
    require_compared(writer, operand.only, kinds)
    numbers = {kind for kind in {writer.scope.type_of(operand.only), *kinds} if is_number(kind)}
    if (len(numbers) > 1 and numbers & set(FRACTIONS) and any(map(is_decimal, numbers))) or (
        "float" in numbers and len(numbers) > 1
    ):
        raise Different(
            f"{writer.scope.source(node)}: this engine compares {' and '.join(sorted(map(str, numbers)))} here in "
            "another way; write case when x = … then"
        )


def equal_null(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    if arguments[0].only is not None:
        require_compared(writer, arguments[0].only, map(writer.scope.type_of_pieces, arguments[1:]))
    return None
