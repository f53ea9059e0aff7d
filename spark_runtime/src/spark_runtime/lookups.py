"""What is looked up for rows before they are tested: keys that they must have, or must not.

A join hands on every column of the rows that pass through it. Where all rows pass through several joins, that costs
more than all tests together. So where rows can be read again, what is looked up is looked up for a few of their columns
first, and one join that hands on few rows keeps those that may fail.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, functions

from spark_runtime.key_slots import is_taken, slots_to_join
from spark_runtime.portable.types import WHOLE, is_decimal
from spark_runtime.repeated_keys import few
from spark_runtime.sql import any_of, quoted
from spark_runtime.verdict import Test

# Types of which equal values have equal hashes, the same on every engine.
_HASHED = frozenset({*WHOLE, "string", "date", "timestamp", "timestamp_ntz", "boolean"})
_NUMBER = "_lf_number"
# The number of all rows that may fail for reasons of their own, with all bits set.
_OWN_REASONS = "-1L"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Keys that are looked up for rows, and the test that follows from it.

    Attributes:
        names: The columns of the rows that are compared with keys.
        known: The keys, each once and without nulls: the columns ``aliases``, and ``flag``, which is not null.
        condition: SQL, over the sources of the rows and ``aliases``, that a row has a key.
        test: The test over the typed rows and ``flag``.
        are_own: Whether the keys are the rows' own, and only rows that have one can fail.
    """

    names: tuple[str, ...]
    known: DataFrame
    aliases: tuple[str, ...]
    flag: str
    condition: str
    test: Test
    are_own: bool = False

    def find(self, df: DataFrame) -> DataFrame:
        """Return the rows, each once, with the column ``flag``, null where no key was found."""
        return df.join(self.known, on=functions.expr(self.condition), how="left").drop(*self.aliases)


def find_all(df: DataFrame, lookups: Sequence[Lookup]) -> DataFrame:
    """Return the rows, each once, with what was looked up for them."""
    for lookup in lookups:
        df = lookup.find(df)
    return df


def by_slots(
    lookup: Lookup,
    values: Mapping[str, str],
    types: Mapping[str, str],
    keep: Callable[[DataFrame], DataFrame],
) -> Lookup:
    """Return a lookup that compares slots of integer keys where these lie close, and else the one given.

    Args:
        values: SQL of the rows' typed columns, by name.
        types: Their types.
        keep: Writes few rows aside.
    """
    (name, *others), alias = lookup.names, lookup.aliases[0]
    known = lookup.known.schema[alias].dataType.simpleString()
    if others or types[name] not in WHOLE or known not in WHOLE:
        return lookup
    names = (alias, f"{alias}_taken")
    slots = slots_to_join(lookup.known, alias, names, keep)
    if slots is None:
        return lookup
    return replace(
        lookup,
        known=few(slots, [alias]).selectExpr("*", f"true AS {lookup.flag}"),
        aliases=names,
        condition=is_taken(f"({values[name]})", names),
    )


def may_fail(
    df: DataFrame,
    values: Mapping[str, str],
    types: Mapping[str, str],
    tests: Sequence[Test],
    lookups: Sequence[Lookup],
    *,
    carried: Sequence[str],
    keep: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """Return the rows that may fail a test: all that do, and maybe some more. Only tests on them tell which.

    Args:
        df: Rows that can be read again.
        values: SQL of the typed columns, by name.
        types: Their types.
        tests: Tests for which nothing is looked up, over the typed columns and ``carried``.
        lookups: The others; rows are told apart by what the first of them compares, so let few rows share that.
        carried: Further columns of ``df`` that tests read.
        keep: Writes few rows aside.
    """
    names = next((lookup.names for lookup in lookups if _has_number(lookup.names, types)), None)
    if names is None:
        return df
    sought = df.sparkSession.range(1).selectExpr(f"{_OWN_REASONS} AS {_NUMBER}")
    for lookup in lookups:
        sought = sought.union(_failing_numbers(df, values, types, lookup, names))
    known = few(keep(sought.distinct()), [_NUMBER])
    # Tests read typed columns, which may have the names of others.
    own = {f"_lf_in{at}": name for at, name in enumerate(df.columns)}
    typed = df.selectExpr(
        *(f"{quoted(name)} AS {alias}" for alias, name in own.items()),
        *(f"{value} AS {quoted(name)}" for name, value in values.items()),
        *carried,
    )
    alone = any_of([*(test.failing for test in tests), *(f"{quoted(name)} IS NULL" for name in names)])
    # To choose one of two columns, Sail copies all that the condition reads.
    number = f"coalesce({_number(names, types)}, 0L) | CASE WHEN {alone} THEN {_OWN_REASONS} ELSE 0L END"
    numbered = typed.selectExpr(*own, f"{number} AS _lf_own_number")
    rows = numbered.join(known, on=functions.expr(f"_lf_own_number = {_NUMBER}"), how="left_semi")
    return rows.selectExpr(*(f"{alias} AS {quoted(name)}" for alias, name in own.items()))


def _failing_numbers(
    df: DataFrame,
    values: Mapping[str, str],
    types: Mapping[str, str],
    lookup: Lookup,
    names: Sequence[str],
) -> DataFrame:
    """Return the numbers of all rows that fail the test of a lookup, for which only the columns it takes are read."""
    if lookup.are_own and lookup.names == names:
        known = (f"{alias} AS {quoted(name)}" for alias, name in zip(lookup.aliases, names, strict=True))
        return lookup.known.selectExpr(*known).selectExpr(f"{_number(names, types)} AS {_NUMBER}")
    found = lookup.find(df).selectExpr(
        *(f"{value} AS {quoted(name)}" for name, value in values.items()), lookup.flag
    )
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in names)
    return found.where(f"{lookup.test.failing} AND {present}").selectExpr(
        f"{_number(names, types)} AS {_NUMBER}"
    )


def _has_number(names: Sequence[str], types: Mapping[str, str]) -> bool:
    return all(types[name] in _HASHED or is_decimal(types[name]) for name in names)


def _number(names: Sequence[str], types: Mapping[str, str]) -> str:
    """Return SQL of a number that equal keys share; other keys may have it as well."""
    if len(names) == 1 and types[names[0]] in WHOLE:
        return f"CAST({quoted(names[0])} AS bigint)"
    return f"xxhash64({', '.join(map(quoted, names))})"
