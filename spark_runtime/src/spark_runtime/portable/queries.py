"""Queries that Sail answers otherwise than Spark, and that are refused: truth that is lost, and types of sets."""

from collections.abc import Iterator, Sequence

from spark_runtime.portable.parse import Node, Pieces, Token, words_of
from spark_runtime.portable.scope import Scope
from spark_runtime.portable.sources import selected, unnamed
from spark_runtime.portable.writer import Different

_CONDITIONS = frozenset({"where", "having", "on"})
_ENDS = frozenset(
    {"select", "from", "group", "order", "limit", "join", "qualify", "window", "union", "except"}
)
_SETS = frozenset({"union", "except", "intersect", "minus"})
_JOINED = frozenset({"and", "or"})


def refuse_other_answers(pieces: Pieces, scope: Scope) -> None:
    """Look through a text for queries to which the engine has another answer.

    Raises:
        Different: There is one; the message says what to write instead.
    """
    if pieces.is_query:
        scope = scope.of_query(pieces)
        _refuse_types_of_sets(pieces, scope)
        for region, is_condition in _regions(pieces.items):
            _refuse_lost_nulls(region, scope, is_condition=is_condition)
    else:
        _refuse_lost_nulls(pieces.items, scope, is_condition=False)


def _regions(items: Sequence[Node | Token]) -> Iterator[tuple[Sequence[Node | Token], bool]]:
    """Yield the stretches of a query between words of its clauses, each with whether it is a condition on rows."""
    start, is_condition = 0, False
    for at, word in enumerate(words_of(items)):
        if word in _CONDITIONS or word in _ENDS:
            yield items[start:at], is_condition
            start, is_condition = at + 1, word in _CONDITIONS
    yield items[start:], is_condition


def _refuse_lost_nulls(
    items: Sequence[Node | Token], scope: Scope, *, is_condition: bool, has_choice: bool = False
) -> None:
    """Refuse ``x IN (SELECT …)`` where it makes a difference that the engine knows it as false and never as null.

    It makes none where rows are kept that meet it, alone or with others. The engine gets ``NOT IN`` right as well, if
    every row has to meet it.

    Args:
        is_condition: Rows are kept that meet the items, and null is as good as false.
        has_choice: One of several of which the items are one is enough.
    """
    words = words_of(items)
    has_choice = has_choice or "or" in words
    for at, item in enumerate(items):
        if not isinstance(item, Node):
            continue
        before = words[at - 1] if at else ""
        after = words[at + 1] if at + 1 < len(words) else ""
        if item.kind != "brackets":
            inside = False
        elif before == "in" and item.pieces[0].is_query:
            is_not_in = words[at - 2] == "not"
            tested = at - 3 if is_not_in else at - 2
            is_turned = tested > 0 and words[tested - 1] == "not"
            if not is_condition or (is_not_in and is_turned) or (has_choice and (is_not_in or is_turned)):
                raise Different(
                    "IN (SELECT …) here, within OR, NOT, CASE or a column, is false on this engine where it should "
                    "be null; write EXISTS (SELECT … WHERE …) instead"
                )
            inside = False
        else:
            inside = is_condition and before in {"", *_JOINED} and after in {"", *_JOINED}
        for inner in item.pieces:
            if inner.is_query:
                refuse_other_answers(inner, scope)
            else:
                _refuse_lost_nulls(inner.items, scope, is_condition=inside, has_choice=has_choice)


def _refuse_types_of_sets(pieces: Pieces, scope: Scope) -> None:
    """Refuse a set operation between columns of two types: the engine takes the first, and cuts what does not fit."""
    if not _SETS.intersection(pieces.words()):
        return
    sides = [[unnamed(column) for column in side] for side in selected(pieces.items)]
    for other in sides[1:]:
        for first, second in zip(sides[0], other, strict=False):
            kinds = [scope.type_of_pieces(column) for column in (first, second)]
            if any("map<" in kind for kind in kinds if kind is not None) and not _are_all_kept(pieces):
                raise Different("Spark has no UNION, EXCEPT or INTERSECT of maps; use map_entries")
            if None not in kinds and "void" not in kinds and kinds[0] != kinds[1]:
                raise Different(
                    f"columns of {kinds[0]} and {kinds[1]} in one place of UNION, EXCEPT or INTERSECT get the first "
                    "type on this engine; cast them to one type"
                )


def _are_all_kept(pieces: Pieces) -> bool:
    words = pieces.words()
    return all(words[at : at + 2] == ["union", "all"] for at, word in enumerate(words) if word in _SETS)
