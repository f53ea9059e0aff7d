"""SQL of a product, so that it means on every engine what it means on Spark.

Spark reads the text as it is. An engine that counts otherwise, which one query finds out, gets it rewritten: same
values, same types, and an error where a whole number overflows. What cannot be rewritten is refused there.
"""

from collections.abc import Mapping, Sequence

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_runtime.portable.parse import Node, Pieces, Token, Unreadable, parse
from spark_runtime.portable.patterns import ascii_classes
from spark_runtime.portable.queries import refuse_other_answers
from spark_runtime.portable.rewrite import rewritten
from spark_runtime.portable.scope import Ask, Scope
from spark_runtime.portable.types import SOME_DECIMAL, is_decimal
from spark_runtime.portable.writer import Different

# Aliases may build on each other; so many rounds find the types of all of them in any query worth reading.
_ROUNDS = 5


def counts_like_spark(spark: SparkSession) -> bool:
    """Return whether an engine refuses a whole number that overflows.

    One round trip, and a table that Spark works out without starting a task.
    """
    try:
        spark.sql("SELECT n + 1L AS n FROM VALUES (9223372036854775807L) AS t(n)").collect()
    except PySparkException:
        return True
    return False


def portable(text: str, types: Mapping[str, str | None], ask: Ask | None = None) -> str:
    """Return a text of SQL in the form that gives Spark's values on an engine that counts otherwise.

    Args:
        text: An expression, with or without alias, or a query.
        types: Types of the columns it can name; ``None`` where tables do not agree.
        ask: Asks the engine for types that do not follow from these.

    Raises:
        Different: The engine would come to another result, and it cannot be written away.
    """
    try:
        pieces = parse(text)
    except Unreadable:
        return text  # The engine says better what is wrong.
    scope = Scope(text, {name.casefold(): kind for name, kind in types.items()}, ask)
    if pieces.is_query:
        _learn_aliases(pieces, scope)
    refuse_other_answers(pieces, scope)
    return rewritten(pieces, scope)


def merged(tables: Sequence[Mapping[str, str]]) -> dict[str, str | None]:
    """Return the types of columns of several tables by name, ``None`` where they differ."""
    found: dict[str, str | None] = {}
    for table in tables:
        for name, kind in table.items():
            key = name.casefold()
            found[key] = kind if found.get(key, kind) == kind else None
    return found


def _learn_aliases(pieces: Pieces, scope: Scope) -> None:
    named = list(_aliases(pieces))
    for _ in range(_ROUNDS if named else 0):
        learnt: dict[str, str | None] = {}
        for name, node in named:
            kind = scope.type_of(node)
            learnt[name] = kind if learnt.get(name, kind) == kind else None
        for name, kind in learnt.items():
            if name in scope.names and scope.names[name] != kind:
                # What a column of an input is called, too: which one is meant is not looked into.
                both = is_decimal(scope.names[name]) and is_decimal(kind)
                learnt[name] = SOME_DECIMAL if both else None
        changed = {name: kind for name, kind in learnt.items() if scope.names.get(name, "") != kind}
        if not changed:
            return
        scope.names |= changed


def _aliases(pieces: Pieces) -> list[tuple[str, Node]]:
    found = []
    items = pieces.items
    for at, item in enumerate(items):
        if not isinstance(item, Node):
            continue
        after = items[at + 1 : at + 3]
        is_named = len(after) == 2 and isinstance(after[0], Token) and after[0].word == "as"
        if is_named and isinstance(after[1], Node) and after[1].kind == "name":
            found.append((after[1].name, item))
        found += [alias for inner in item.pieces for alias in _aliases(inner)]
    return found


__all__ = ["Different", "ascii_classes", "counts_like_spark", "merged", "portable"]
