"""Integer keys in slots: 64 in a row share one number, beside which another one says which of them there are.

Where keys lie close to one another, as most numbers do that a system has given out, their slots are many times fewer:
what takes a group or a place in a hash table for each key takes it once for 64 of them.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame, functions

# As many keys as a bigint has bits.
_SLOT_BITS = 6


def slot(key: str) -> str:
    """Return SQL of the number that keys share which lie in one slot.

    Args:
        key: SQL of an integer.
    """
    return f"shiftright(CAST({key} AS bigint), {_SLOT_BITS})"


def _place(key: str) -> str:
    return f"CAST(CAST({key} AS bigint) & {(1 << _SLOT_BITS) - 1}L AS int)"


def bit(key: str) -> str:
    """Return SQL of a number that has the one bit which stands for a key in its slot."""
    return f"shiftleft(1L, {_place(key)})"


def in_slots(keys: DataFrame, key: str, names: tuple[str, str]) -> DataFrame:
    """Return the slots of keys, each once: its number, and the bits of the keys that there are in it.

    Args:
        keys: Have no null in ``key``; may have a key more than once.
        names: What to call the two columns.
    """
    number, taken = names
    placed = keys.selectExpr(f"{slot(key)} AS {number}", f"{bit(key)} AS _lf_place")
    return placed.groupBy(number).agg(functions.expr("bit_or(_lf_place)").alias(taken))


def is_taken(key: str, names: tuple[str, str]) -> str:
    """Return SQL that a key is among those of a slot; what a join compares first is the number of the slot."""
    number, taken = names
    return f"({slot(key)} = {number} AND shiftright({taken}, {_place(key)}) & 1L = 1L)"


def lie_within(slots: int, lowest: int | None, highest: int | None) -> bool:
    """Return whether integers lie so close to one another that so many slots hold them all.

    Args:
        lowest: The lowest; ``None`` if there is none.
    """
    if lowest is None or highest is None:
        return False
    return (highest - lowest) >> _SLOT_BITS <= slots


def slots_to_join(
    keys: DataFrame, key: str, names: tuple[str, str], keep: Callable[[DataFrame], DataFrame]
) -> DataFrame | None:
    """Return what ``in_slots`` does, written aside; ``None`` where a join with the keys themselves is as fast.

    Spark holds rows with a number each in a list by that number, in which it need not search, unless the list were over
    four times as long as there are rows. The list of slots lies in a core's cache beside the rows that are looked up,
    which one of thousands of keys does not.

    Args:
        keys: Few, without a null in ``key``, an integer.
        names: What to call the two columns.
        keep: Writes few rows aside.
    """
    rows, *ends = keys.selectExpr("count(1)", f"min({key})", f"max({key})").collect()[0]
    return keep(in_slots(keys, key, names)) if lie_within(4 * rows, *ends) else None
