"""SQL of a product, so that it means on every engine what it means on Spark.

Spark reads the text as it is. An engine that counts otherwise, which one query finds out, gets it rewritten: same
values, same types, and an error where a whole number overflows. What cannot be rewritten is refused there.
"""

from collections.abc import Mapping, Sequence

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_runtime.portable.parse import Unreadable, parse
from spark_runtime.portable.patterns import ascii_classes
from spark_runtime.portable.queries import refuse_other_answers
from spark_runtime.portable.rewrite import rewritten
from spark_runtime.portable.scope import Ask, Scope
from spark_runtime.portable.writer import Different


def counts_like_spark(spark: SparkSession) -> bool:
    """Return whether an engine refuses a whole number that overflows.

    One round trip, and a table that Spark works out without starting a task.
    """
    try:
        spark.sql("SELECT n + 1L AS n FROM VALUES (9223372036854775807L) AS t(n)").collect()
    except PySparkException:
        return True
    return False


def portable(
    text: str,
    types: Mapping[str, str | None],
    ask: Ask | None = None,
    tables: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return a text of SQL in the form that gives Spark's values on an engine that counts otherwise.

    Args:
        text: An expression, with or without alias, or a query.
        types: Types of the columns it can name; ``None`` where tables do not agree.
        ask: Asks the engine for types that do not follow from these.
        tables: Types of columns by the name under which a query reads them.

    Raises:
        Different: The engine would come to another result, and it cannot be written away.
    """
    try:
        pieces = parse(text)
    except Unreadable:
        return text  # The engine says better what is wrong.
    by_table = {name.casefold(): _folded(columns) for name, columns in (tables or {}).items()}
    base = _folded(types)
    if pieces.is_query:
        scope = Scope(text, {}, ask, by_table, base)
    else:
        # A bare name in a condition on two tables is one of the running frame.
        scope = Scope(text, base | by_table.get("this", {}), ask, sources=by_table)
    refuse_other_answers(pieces, scope)
    return rewritten(pieces, scope)


def _folded(types: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.casefold(): kind for name, kind in types.items()}


def merged(tables: Sequence[Mapping[str, str]]) -> dict[str, str | None]:
    """Return the types of columns of several tables by name, ``None`` where they differ."""
    found: dict[str, str | None] = {}
    for table in tables:
        for name, kind in table.items():
            key = name.casefold()
            found[key] = kind if found.get(key, kind) == kind else None
    return found


__all__ = ["Different", "ascii_classes", "counts_like_spark", "merged", "portable"]
