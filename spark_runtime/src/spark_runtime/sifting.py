"""Testing rows that can be read again: only those that fail a test are staged, the others go straight to the table.

Writing all rows aside and then again costs more than testing them. Where a second look gives the same rows (the inputs
are read at one version, nothing draws lots), the first look keeps what fails, and the second publishes the rest.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

from pyspark.sql import DataFrame, functions

from spark_runtime.job import Job
from spark_runtime.lookups import Lookup, find_all, may_fail
from spark_runtime.repeated_keys import INTEGERS, crowded_rows, few, repeated_keys
from spark_runtime.rule_spec import Rule
from spark_runtime.rules import UniqueTest
from spark_runtime.sql import all_of, any_of, quoted
from spark_runtime.staging import (
    Kept,
    Origin,
    Rest,
    Staged,
    StagedColumn,
    stage,
)
from spark_runtime.step_spec import Step, StepType
from spark_runtime.verdict import Test

# Steps that look at one row at a time, and so cost little the second time.
_ROW_STEPS = frozenset(
    {
        StepType.SELECT,
        StepType.FILTER,
        StepType.DERIVE,
        StepType.RENAME,
        StepType.DROP,
        StepType.FILL_NULLS,
        StepType.REPLACE_VALUES,
        StepType.STANDARDISE,
        StepType.SPLIT,
        StepType.MASK,
        StepType.SURROGATE_KEY,
        StepType.FLATTEN,
        StepType.UNION,
    }
)
# What may answer differently the second time: functions that draw lots or look at the clock or the files, windows,
# whose ties are broken by chance, and functions of a catalog, about which nothing is known.
_FICKLE = re.compile(
    r"\b(rand|randn|random|randstr|uniform|uuid|shuffle|monotonically_increasing_id|spark_partition_id|now|curdate|"
    r"localtimestamp|unix_timestamp|input_file_\w+|over)\s*\(|\bcurrent_\w+|\w`?\.`?\w+`?\s*\(",
    re.IGNORECASE,
)
# From here on it pays to ask a table some questions about few columns before all columns are read.
_MANY_ROWS = 500_000


def can_be_read_again(steps: Sequence[Step], rules: Sequence[Rule]) -> bool:
    """Return whether steps and rules say the same each time a node's inputs are read at one version."""
    if any(step.type not in _ROW_STEPS for step in steps):
        return False
    said = [[step.config for step in steps], [[rule.config, rule.filter] for rule in rules]]
    return _FICKLE.search(json.dumps(said, ensure_ascii=False)) is None


def can_be_sifted(columns: Sequence[StagedColumn], unique: Sequence[UniqueTest]) -> bool:
    """Return whether tests on keys can be made before those on single rows, which a lost or missing value forbids."""
    plain = all(column.conversion.lost is None and column.nullable for column in columns)
    return plain and all(test.keeps is None for test in unique)


def sift(
    job: Job,
    df: DataFrame,
    columns: Sequence[StagedColumn],
    tests: Sequence[Test],
    unique: Sequence[UniqueTest],
    *,
    lookups: Sequence[Lookup],
    carried: Sequence[str],
    kept: Mapping[str, Kept],
    origin: Origin,
    number: int,
    keep: Callable[[DataFrame], DataFrame],
) -> Staged:
    """Write the rows aside that fail a test, count the others, and return both.

    Takes what ``staging.stage`` takes, as far as ``can_be_sifted`` allows.

    Args:
        tests: Declared rules on single rows, with those of ``lookups``.
        lookups: What is looked up for the rows; ``df`` does not hold it.
        keep: Writes few rows aside, so that the engine knows how many they are.
    """
    started = perf_counter()
    values = {column.name: column.conversion.value for column in columns}
    types = {column.name: column.type for column in columns}
    typed = [f"{value} AS {quoted(name)}" for name, value in values.items()]
    published = df.selectExpr(*typed)
    total, filtered = _count(published, (*tests, *unique))
    has_many = total >= _MANY_ROWS
    repeated = [
        _repeated(published, test, values, types, f"_lf_d{at}", keep, has_many=has_many)
        for at, test in enumerate(unique)
    ]
    everything = (*tests, *(lookup.test for lookup in repeated))
    looking_up = [lookup.test for lookup in lookups]
    alone = [test for test in tests if test not in looking_up]
    suspects = df
    if (lookups or repeated) and has_many:
        # Fewer rows share a key than refer to the same row of another table.
        suspects = may_fail(df, values, types, alone, (*repeated, *lookups), carried=carried, keep=keep)
    lookups = (*lookups, *repeated)
    looked = [*carried, *(lookup.flag for lookup in lookups)]
    staged = stage(
        job,
        find_all(suspects, lookups),
        columns,
        everything,
        carried=looked,
        kept=kept,
        origin=origin,
        keep=keep,
        number=number,
        only_failing=True,
    )
    key = next((test.keys for test in unique if test.filter is None), ())
    tested = find_all(df, lookups).selectExpr(*typed, *looked)
    passing = f"NOT ({any_of([test.failing for test in everything]) or 'false'})"
    rest = _without(published, tested.where(passing), staged, key) if key else tested.where(passing)
    rest = rest.selectExpr(*map(quoted, values))
    return replace(
        staged,
        rest=Rest(rest, total, filtered),
        seconds=perf_counter() - started,
    )


def _without(published: DataFrame, passing: DataFrame, staged: Staged, key: Sequence[str]) -> DataFrame:
    """Return the rows that do not lie staged, found by a key that no two rows share unless all of them are staged.

    A join with the few keys that fail is cheaper than testing all rows again; rows without a key are tested again.
    """
    aliases = {name: f"_lf_k{at}" for at, name in enumerate(key)}
    failing = staged.df.selectExpr(*(f"{quoted(name)} AS {alias}" for name, alias in aliases.items()))
    failing = few(failing, list(aliases.values()))
    condition = all_of([f"{quoted(name)} = {alias}" for name, alias in aliases.items()])
    has_key = all_of([f"{quoted(name)} IS NOT NULL" for name in key])
    names = [quoted(name) for name in published.columns]
    keyed = published.where(has_key).join(failing, on=functions.expr(condition), how="left_anti")
    return keyed.selectExpr(*names).union(passing.where(f"NOT ({has_key})").selectExpr(*names))


def _repeated(
    published: DataFrame,
    test: UniqueTest,
    values: Mapping[str, str],
    types: Mapping[str, str],
    flag: str,
    keep: Callable[[DataFrame], DataFrame],
    *,
    has_many: bool,
) -> Lookup:
    """Return the keys that occur more than once, as what a row must not have."""
    aliases = {key: f"{flag}_k{at}" for at, key in enumerate(test.keys)}
    conditions = [f"{quoted(key)} IS NOT NULL" for key in test.keys]
    failing = f"({flag} IS NOT NULL)"
    if test.filter:
        conditions.append(f"coalesce(({test.filter}), false)")
        failing = f"(coalesce(({test.filter}), false) AND {failing})"
    rows = published.where(all_of(conditions))
    if has_many and len(test.keys) == 1 and types[test.keys[0]] in INTEGERS:
        rows = crowded_rows(rows, test.keys[0], keep)
    return Lookup(
        names=test.keys,
        known=repeated_keys(rows, aliases, flag, keep),
        aliases=tuple(aliases.values()),
        flag=flag,
        condition=all_of([f"({values[key]}) = {alias}" for key, alias in aliases.items()]),
        test=Test(test.name, test.severity, failing, test.reason, test.filter),
        are_own=True,
    )


def _count(published: DataFrame, tests: Sequence[Test | UniqueTest]) -> tuple[int, dict[str, int]]:
    """Return how many rows there are, and how many of them each filter of a test lets through."""
    filters = {test.name: test.filter for test in tests if test.filter}
    if not filters:
        return published.count(), {}
    counted = published.selectExpr(
        "1L AS total",
        *(f"CASE WHEN {text} THEN 1L ELSE 0L END AS f{at}" for at, text in enumerate(filters.values())),
    )
    names = ["total", *(f"f{at}" for at in range(len(filters)))]
    sums = counted.agg(
        *(functions.expr(f"coalesce(sum({name}), 0L)").alias(name) for name in names)
    ).collect()[0]
    return sums["total"], {name: sums[f"f{at}"] for at, name in enumerate(filters)}
