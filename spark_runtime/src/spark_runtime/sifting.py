"""Testing rows that can be read again: only those that fail a test are staged, the others go straight to the table.

Writing all rows aside and then again costs more than testing them. Where a second look gives the same rows (the inputs
are read at one version, nothing draws lots), the first look keeps what fails, and the second publishes the rest.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from pyspark.sql import DataFrame, functions

from spark_runtime.job import Job
from spark_runtime.key_slots import lie_within
from spark_runtime.lookups import Lookup, by_slots, find_all, may_fail
from spark_runtime.portable.types import WHOLE
from spark_runtime.repeated_keys import crowded_rows, few, repeated_keys
from spark_runtime.rule_spec import Rule
from spark_runtime.rules import UniqueTest
from spark_runtime.sql import all_of, any_of, comparable, quoted
from spark_runtime.staged import Rest, Staged
from spark_runtime.staged_column import Kept, StagedColumn
from spark_runtime.staging import Origin, stage
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
# Repeated keys are searched for by slots where so many share one, at least.
_KEYS_PER_SLOT = 4


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
    key = next((test.keys for test in unique if test.filter is None), ())
    alone = [test.keys[0] for test in unique if len(test.keys) == 1 and types[test.keys[0]] in WHOLE]
    counted = _count(published, (*tests, *unique), key, alone)
    has_many = counted.rows >= _MANY_ROWS
    repeated = [
        _repeated(
            published, test, values, types, f"_lf_d{at}", keep, close=has_many and test.keys in counted.close
        )
        for at, test in enumerate(unique)
    ]
    everything = (*tests, *(lookup.test for lookup in repeated))
    looking_up = [lookup.test for lookup in lookups]
    by_themselves = [test for test in tests if test not in looking_up]
    suspects = df
    if has_many and job.dialect.is_spark:
        # Spark compiles joins and tests to one loop, in which handing columns on costs nothing.
        lookups = [by_slots(lookup, values, types, keep) for lookup in lookups]
    elif has_many and (lookups or repeated):
        # Fewer rows share a key than refer to the same row of another table.
        suspects = may_fail(
            df, values, types, by_themselves, (*repeated, *lookups), carried=carried, keep=keep
        )
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
    tested = find_all(df, lookups).selectExpr(*typed, *looked)
    passing = tested.where(f"NOT ({any_of([test.failing for test in everything]) or 'false'})")
    rest = (
        _without(published, passing, staged, key, types, all_have_one=not counted.keyless) if key else passing
    )
    rest = rest.selectExpr(*map(quoted, values))
    return replace(
        staged,
        rest=Rest(rest, counted.rows, counted.filtered),
        seconds=perf_counter() - started,
    )


def _without(
    published: DataFrame,
    passing: DataFrame,
    staged: Staged,
    key: Sequence[str],
    types: Mapping[str, str],
    *,
    all_have_one: bool,
) -> DataFrame:
    """Return the rows that do not lie staged, found by a key that no two rows share unless all of them are staged.

    A join with the few keys that fail is cheaper than testing all rows again; rows without a key are tested again.
    """
    aliases = {name: f"_lf_k{at}" for at, name in enumerate(key)}
    keys = {alias: comparable(quoted(name), types[name]) for name, alias in aliases.items()}
    failing = staged.df.selectExpr(*(f"{value} AS {alias}" for alias, value in keys.items()))
    failing = few(failing, list(aliases.values()))
    condition = all_of([f"{value} = {alias}" for alias, value in keys.items()])
    names = [quoted(name) for name in published.columns]
    # A row without a key has none of these.
    keyed = published.join(failing, on=functions.expr(condition), how="left_anti").selectExpr(*names)
    if all_have_one:
        return keyed
    has_key = all_of([f"{quoted(name)} IS NOT NULL" for name in key])
    return keyed.where(has_key).union(passing.where(f"NOT ({has_key})").selectExpr(*names))


def _repeated(
    published: DataFrame,
    test: UniqueTest,
    values: Mapping[str, str],
    types: Mapping[str, str],
    flag: str,
    keep: Callable[[DataFrame], DataFrame],
    *,
    close: bool,
) -> Lookup:
    """Return the keys that occur more than once, as what a row must not have.

    Args:
        close: There are many, and they are integers close to one another.
    """
    aliases = {key: f"{flag}_k{at}" for at, key in enumerate(test.keys)}
    conditions = [f"{quoted(key)} IS NOT NULL" for key in test.keys]
    failing = f"({flag} IS NOT NULL)"
    if test.filter:
        conditions.append(f"coalesce(({test.filter}), false)")
        failing = f"(coalesce(({test.filter}), false) AND {failing})"
    rows = published.where(all_of(conditions))
    if close:
        rows = crowded_rows(rows, test.keys[0], keep)
    return Lookup(
        names=test.keys,
        known=repeated_keys(rows, aliases, types, flag, keep),
        aliases=tuple(aliases.values()),
        flag=flag,
        condition=all_of(
            [f"{comparable(f'({values[key]})', types[key])} = {alias}" for key, alias in aliases.items()]
        ),
        test=Test(test.name, test.severity, failing, test.reason, test.filter),
        are_own=True,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is known of the rows before they are looked at.

    Attributes:
        rows: How many there are.
        filtered: How many of them each filter of a test lets through, by the test's name.
        keyless: How many have no key.
        close: Keys of one column whose integers lie close to one another.
    """

    rows: int
    filtered: Mapping[str, int]
    keyless: int
    close: frozenset[tuple[str, ...]]


def _count(
    published: DataFrame,
    tests: Sequence[Test | UniqueTest],
    key: Sequence[str],
    integers: Sequence[str],
) -> _Counts:
    """Count the rows, those without ``key`` and those that filters let through, and look how close ``integers`` lie."""
    filters = {test.name: test.filter for test in tests if test.filter}
    met = [f"count(CASE WHEN {text} THEN 1 END) AS f{at}" for at, text in enumerate(filters.values())]
    # Of one column a table knows how many values it has, and the ends of them, without a look at them.
    whole = f"CASE WHEN {all_of([f'{quoted(name)} IS NOT NULL' for name in key])} THEN 1 END"
    keyed = quoted(key[0]) if len(key) == 1 else whole if key else "1"
    ends = [
        f"{end}({quoted(name)}) AS {end}{at}" for at, name in enumerate(integers) for end in ("min", "max")
    ]
    found = published.selectExpr("count(1) AS total", f"count({keyed}) AS keyed", *met, *ends).collect()[0]
    rows = found["total"]
    return _Counts(
        rows=rows,
        filtered={name: found[f"f{at}"] for at, name in enumerate(filters)},
        keyless=rows - found["keyed"],
        close=frozenset(
            (name,)
            for at, name in enumerate(integers)
            if lie_within(rows // _KEYS_PER_SLOT, found[f"min{at}"], found[f"max{at}"])
        ),
    )
