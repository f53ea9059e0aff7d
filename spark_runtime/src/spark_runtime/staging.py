"""The one evaluation of a node's rows: typed, tested and written aside, so that all that follows reads the same.

A job publishes valid rows and quarantines the others in two commits. Both are read from the staged rows, never
from a second run of the plan, which could give other rows: expressions may be random, inputs may move on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from pyspark.sql import DataFrame, functions

from spark_runtime.aside import write_aside
from spark_runtime.frame import find_name
from spark_runtime.job import Job
from spark_runtime.portable.dialect import Dialect
from spark_runtime.repeated_keys import repeated_keys
from spark_runtime.row_json import row_as_json
from spark_runtime.rule_spec import Check, Severity
from spark_runtime.rules import UniqueTest
from spark_runtime.sql import all_of, any_of, comparable, quoted, text_literal
from spark_runtime.staged import CLOSING, REFUSED, REFUSING, ROW, UNREADABLE, VALID, PlacedTest, Staged
from spark_runtime.staged_column import Kept, StagedColumn, column_tests
from spark_runtime.verdict import (
    Test,
    TestBit,
    any_failed,
    mask_columns,
    masks_of,
    none_failed,
    place_bits,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """SQL that says where a row comes from.

    Attributes:
        kind: ``readers.parse`` kind: 0 a row, 1 a record that could not be parsed, 2 the closing row of a file.
        file: Number of the row's file in the node spec.
        fault: Why a record could not be parsed.
        raw: Such a record as it stands in the file.
        line: Line of the record in its file, or its number in a format without lines.
        rows: Number of records that a closing row vouches for.
        source_file: Address of the file, as far as the row knows it.
    """

    kind: str = "0"
    file: str = "CAST(NULL AS int)"
    fault: str = "CAST(NULL AS string)"
    raw: str = "CAST(NULL AS string)"
    line: str = "CAST(NULL AS bigint)"
    rows: str = "CAST(NULL AS bigint)"
    source_file: str = "CAST(NULL AS string)"


def stage(
    job: Job,
    df: DataFrame,
    columns: Sequence[StagedColumn],
    tests: Sequence[Test] = (),
    unique: Sequence[UniqueTest] = (),
    *,
    carried: Sequence[str] = (),
    kept: Mapping[str, Kept] | None = None,
    origin: Origin,
    keep: Callable[[DataFrame], DataFrame],
    number: int = 0,
    only_failing: bool = False,
) -> Staged:
    """Type and test the rows of ``df``, write them aside and return them.

    Args:
        df: Holds the columns that ``columns`` name as their sources.
        tests: Declared rules on single rows; a row that cannot be read or typed does not reach them.
        unique: Declared rules on keys.
        carried: Further columns of ``df`` that tests read; they are not staged.
        kept: Further columns of ``df`` to stage, by name.
        keep: Writes few rows aside, so that the engine knows how many they are.
        number: Tells the stagings of one job apart.
        only_failing: Leave out the rows that fail no test.
    """
    first = place_bits([test for column in columns for test in column_tests(column)], "_lf_b")
    second = place_bits(tests, "_lf_m")
    further = kept or {}
    judged = _judge(
        job.dialect, df, columns, first, second, carried, further, origin, only_failing=only_failing
    )
    started = perf_counter()
    # All rows are read by their part. A few are read as a whole, by all cores: Sail writes one file per part.
    staged = write_aside(job, judged.df, str(number), judged.types, part=None if only_failing else "_lf_part")

    reached = f"(_lf_part <> {CLOSING} AND _lf_fault IS NULL AND {none_failed(first)})"
    placed = [
        PlacedTest(
            UNREADABLE, Severity.QUARANTINE, "", f"_lf_part = {REFUSED} AND _lf_fault IS NOT NULL", ROW
        )
    ]
    masks = (*masks_of(second), *masks_of(first))
    placed += [_placed(bit, ROW, masks) for bit in first]
    for at, bit in enumerate(second):
        checked = f"_lf_t{at} = 1" if bit.test.filter else reached
        placed.append(_placed(bit, checked, masks))
    decided_by = ["_lf_part", *masks_of(first), *masks_of(second)]
    decided_by += [f"_lf_t{at}" for at, bit in enumerate(second) if bit.test.filter]
    staged, flagged = _flag_keys(staged, judged.types, unique, reached, keep)
    decided_by += [f"_lf_u{at}" for at in range(len(unique))]
    types = {column.name: column.type for column in columns}
    seconds = perf_counter() - started
    return Staged(
        staged,
        types,
        (*placed, *flagged),
        "_lf_source",
        _key_text(job, types),
        seconds,
        dict.fromkeys((*masks_of(first), *masks_of(second)), "0L")
        | {name: column.neutral for name, column in further.items()},
        decided_by=tuple(decided_by),
        verdict=_verdict(masks, len(unique)),
    )


def _placed(bit: TestBit, checked: str, masks: Sequence[str]) -> PlacedTest:
    test = bit.test
    alone = bit.value if bit.mask == masks[0] else 0
    return PlacedTest(test.name, test.severity, test.reason, bit.failed, checked, alone)


def _verdict(masks: Sequence[str], flags: int) -> str:
    """Return SQL of the first mask, of 0 in rows that fail what it has no bit for; one that has a bit could be read."""
    if not masks:
        return "0L"
    others = [f"{mask} = 0L" for mask in masks[1:]] + [f"_lf_u{at} < 1" for at in range(flags)]
    return f"CASE WHEN {all_of(others)} THEN {masks[0]} ELSE 0L END" if others else masks[0]


def _key_text(job: Job, types: Mapping[str, str]) -> str | None:
    """Return SQL of the key of a row: the columns by which it is written, or that a rule says are unique."""
    candidates = [job.spec.output.write.keys]
    candidates += [rule.config.get("columns", ()) for rule in job.spec.rules if rule.check is Check.UNIQUE]
    for candidate in candidates:
        names = [find_name(str(name), types) for name in candidate]
        if names and None not in names:
            return _as_text([str(name) for name in names])
    return None


def _as_text(names: Sequence[str]) -> str:
    parts = (
        f"concat({text_literal(name + '=')}, coalesce(CAST({quoted(name)} AS string), 'null'))"
        for name in names
    )
    return f"concat_ws(', ', {', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows with their verdict, and the columns with their types, partition last."""

    df: DataFrame
    types: dict[str, str]


def _judge(
    dialect: Dialect,
    df: DataFrame,
    columns: Sequence[StagedColumn],
    first: tuple[TestBit, ...],
    second: tuple[TestBit, ...],
    carried: Sequence[str],
    further: Mapping[str, Kept],
    origin: Origin,
    *,
    only_failing: bool,
) -> _Judged:
    """Compute everything in three layers: types and their tests, then rules on typed rows, then the verdict."""
    names = [quoted(column.name) for column in columns]
    sources = [f"_lf_s{at}" for at in range(len(columns))]
    typed = df.selectExpr(
        *(f"{column.conversion.value} AS {name}" for column, name in zip(columns, names, strict=True)),
        *(f"{column.source} AS {source}" for column, source in zip(columns, sources, strict=True)),
        *mask_columns(first, only_if=f"{origin.kind} = 0"),
        f"{origin.kind} AS _lf_kind",
        f"{origin.file} AS _lf_file",
        f"{origin.fault} AS _lf_fault",
        f"{origin.raw} AS _lf_raw",
        f"{origin.line} AS _lf_line",
        f"{origin.rows} AS _lf_rows",
        f"{origin.source_file} AS _lf_source",
        *further,
        *carried,
    )
    if only_failing:
        # Before the masks: most rows fail nothing, and need no number that says so.
        typed = typed.where(any_of([f"NOT ({none_failed(first)})", *(bit.test.failing for bit in second)]))
    kept = {"_lf_file": "int", "_lf_fault": "string", "_lf_line": "bigint", "_lf_rows": "bigint"}
    kept["_lf_source"] = "string"
    kept |= {name: column.type for name, column in further.items()}
    kept |= dict.fromkeys(masks_of(first), "bigint")
    readable = f"_lf_kind = 0 AND {none_failed(first)}"
    filters = {f"_lf_t{at}": bit.test.filter for at, bit in enumerate(second) if bit.test.filter}
    tested = typed.selectExpr(
        *names,
        *sources,
        *kept,
        "_lf_kind",
        "_lf_raw",
        *mask_columns(second, only_if=readable),
        *(f"CASE WHEN {readable} AND ({text}) THEN 1 ELSE 0 END AS {flag}" for flag, text in filters.items()),
    )
    kept |= dict.fromkeys(masks_of(second), "bigint") | dict.fromkeys(filters, "int")
    refused = f"(_lf_kind = 1 OR NOT ({none_failed(first)}) OR {any_failed(second, REFUSING)})"
    fields = [
        (column.name, column.as_read(source, quoted(column.name)), column.source_type)
        for column, source in zip(columns, sources, strict=True)
    ]
    # The row as it was read: for those who look into the quarantine, and for replaying it. Where all columns are as
    # they were read, the quarantine makes it of them, and it need not be staged beside them.
    is_read = origin.kind == Origin().kind and all(
        (column.source, column.source_type) == (column.conversion.value, column.type) for column in columns
    )
    written = row_as_json(fields, dialect)
    as_read = f"CASE WHEN _lf_kind = 1 THEN _lf_raw WHEN _lf_kind = 0 AND {refused} THEN {written} END"
    judged = tested.selectExpr(
        *names,
        *kept,
        f"{'CAST(NULL AS string)' if is_read else as_read} AS _lf_row",
        f"CASE WHEN _lf_kind = 2 THEN {CLOSING} WHEN {refused} THEN {REFUSED} ELSE {VALID} END AS _lf_part",
    )
    types = {column.name: column.type for column in columns} | kept | {"_lf_row": "string", "_lf_part": "int"}
    return _Judged(judged, types)


def _flag_keys(
    rows: DataFrame,
    types: Mapping[str, str],
    unique: Sequence[UniqueTest],
    reached: str,
    keep: Callable[[DataFrame], DataFrame],
) -> tuple[DataFrame, list[PlacedTest]]:
    """Add, per test on keys, a column that is 1 in rows which fail it, 0 in others, -1 where it was not made."""
    df = rows
    placed = []
    for at, test in enumerate(unique):
        flag = f"_lf_u{at}"
        checked = f"{reached} AND coalesce(({test.filter}), false)" if test.filter else reached
        compared = all_of([checked, *(f"{quoted(key)} IS NOT NULL" for key in test.keys)])
        if test.keeps is None:
            columns = (*types, *(f"_lf_u{earlier}" for earlier in range(at)))
            aliases = {key: f"{flag}_k{number}" for number, key in enumerate(test.keys)}
            hit = f"{flag}_hit"
            repeated = repeated_keys(rows.where(compared), aliases, types, hit, keep)
            same = (f"{comparable(quoted(key), types[key])} = {alias}" for key, alias in aliases.items())
            condition = all_of([compared, *same])
            joined = df.join(repeated, on=functions.expr(condition), how="left")
            failed = _as_flag(f"{hit} IS NOT NULL", checked)
            df = joined.selectExpr(*map(quoted, columns), f"{failed} AS {flag}")
        else:
            keys = (comparable(quoted(key), types[key]) for key in test.keys)
            partition = ", ".join([f"({compared})", *keys])
            number = f"row_number() OVER (PARTITION BY {partition} ORDER BY {test.keeps})"
            df = df.selectExpr("*", f"{_as_flag(f'{compared} AND {number} > 1', checked)} AS {flag}")
        placed.append(PlacedTest(test.name, test.severity, test.reason, f"{flag} = 1", f"{flag} >= 0"))
    return df, placed


def _as_flag(failed: str, checked: str) -> str:
    return f"CASE WHEN {failed} THEN 1 WHEN {checked} THEN 0 ELSE -1 END"
