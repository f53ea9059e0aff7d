"""Keys that more than one row has, found before anything is joined to them."""

from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import DataFrame, functions

from spark_runtime.key_slots import bit, slot
from spark_runtime.sql import all_of, comparable, quoted


def repeated_keys(
    rows: DataFrame,
    aliases: Mapping[str, str],
    types: Mapping[str, str],
    hit: str,
    keep: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """Return the keys that more than one of the rows has: the columns ``aliases``, and ``hit``, which is not null.

    They are few, and joined to all rows wherever these are read. Searched for there, each time, they would be rows of
    which nobody knows how many they are, and an engine would rather hold the others in memory.

    Args:
        rows: Have no null in a key.
        aliases: New name of each column of the key.
        types: Types of these columns.
    """
    keys = rows.selectExpr(
        *(f"{comparable(quoted(key), types[key])} AS {alias}" for key, alias in aliases.items())
    )
    counted = keys.groupBy(*aliases.values()).agg(functions.expr("count(1)").alias(hit))
    return few(keep(counted.where(f"{hit} > 1")), [*aliases.values()])


def few(keys: DataFrame, names: Sequence[str]) -> DataFrame:
    """Return rows without a null in the columns ``names`` as ones that are to be held in memory in a join.

    The condition says nothing new, but Sail reckons that a fifth of the rows meets one it knows nothing about. It
    reckons so of the other side as well, and would take these for too many to hold all of them beside each core, or
    for more than the rows they are joined to.
    """
    return keys.where(all_of([f"{name} IS NOT NULL" for name in names]))


def crowded_rows(rows: DataFrame, key: str, keep: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """Return those of many rows whose integer key others may have, too.

    A group for each key is as large as the column. Where integers lie close to one another, a slot of them is one
    group: it has as many rows as different keys, or one of them is repeated.

    Args:
        rows: Have no null in ``key``.
    """
    number = quoted(key)
    places = rows.selectExpr(f"{slot(number)} AS _lf_slot", f"{bit(number)} AS _lf_place")
    counts = (
        functions.expr("count(1)").alias("_lf_rows"),
        functions.expr("bit_or(_lf_place)").alias("_lf_taken"),
    )
    crowded = places.groupBy("_lf_slot").agg(*counts).where("_lf_rows <> bit_count(_lf_taken)")
    slots = few(keep(crowded.selectExpr("_lf_slot AS _lf_crowded")), ["_lf_crowded"])
    met = functions.expr(f"{slot(number)} = _lf_crowded")
    return rows.join(slots, on=met, how="left_semi")
