"""Which pieces of a row are compared with which."""

from collections.abc import Sequence

from spark_runtime.portable.parse import Node, Token, words_of

_COMPARISONS = frozenset(
    {"=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">=", "in", "not", "between", "and", "is"}
)
_EQUALITIES = frozenset({"=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">="})


def is_compared(items: Sequence[Node | Token], number: int) -> bool:
    """Return whether a piece of a row is an operand of a comparison."""
    beside = [items[at] for at in (number - 1, number + 1) if 0 <= at < len(items)]
    is_beside = any(isinstance(item, Token) and item.word in _COMPARISONS for item in beside)
    return is_beside or _told_from(items, number) is not None


def compared_with(items: Sequence[Node | Token], number: int) -> list[Node]:
    """Return the other operands of the comparison that a piece of a row is one of."""
    between = _operands_of_between(items, number)
    if between:
        return between
    other_side = _told_from(items, number)
    if other_side is not None:
        return [other_side]
    found = []
    for token, other in ((number - 1, number - 2), (number + 1, number + 2)):
        if 0 <= other < len(items) and token >= 0:
            sign, node = items[token], items[other]
            if isinstance(sign, Token) and sign.word in _EQUALITIES and isinstance(node, Node):
                found.append(node)
    return found


def _operands_of_between(items: Sequence[Node | Token], number: int) -> list[Node]:
    """Return the other operands of the BETWEEN that a piece of a row is an operand of."""
    words = words_of(items)
    for at in (number + 1, number + 2, number - 1, number - 3):
        if 0 < at < len(words) and words[at] == "between":
            places = {at - 2 if words[at - 1] == "not" else at - 1, at + 1, at + 3}
            found = [items[place] for place in sorted(places - {number}) if 0 <= place < len(items)]
            if number in places:
                return [item for item in found if isinstance(item, Node)]
    return []


def _told_from(items: Sequence[Node | Token], number: int) -> Node | None:
    """Return the other operand of IS [NOT] DISTINCT FROM."""
    words = words_of(items)
    for signs in (["is", "distinct", "from"], ["is", "not", "distinct", "from"]):
        length = len(signs)
        after, before = number + 1 + length, number - 1 - length
        if words[number + 1 : after] == signs and after < len(items):
            found = items[after]
        elif before >= 0 and words[before + 1 : number] == signs:
            found = items[before]
        else:
            continue
        return found if isinstance(found, Node) else None
    return None


def tested(items: Sequence[Node | Token], number: int) -> Node | Token:
    """Return what stands before IN or NOT IN, whose list is piece ``number``."""
    before = items[number - 2]
    is_negated = isinstance(before, Token) and before.word == "not" and number > 2
    return items[number - 3] if is_negated else before
