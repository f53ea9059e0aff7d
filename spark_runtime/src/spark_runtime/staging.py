"""The one evaluation of a node's rows: typed, tested and written aside, so that all that follows reads the same.

A job publishes valid rows and quarantines the others in two commits. Both are read from the staged rows, never
from a second run of the plan, which could give other rows: expressions may be random, inputs may move on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameWriter, functions

from spark_runtime.casts import Conversion
from spark_runtime.frame import find_name
from spark_runtime.job import Job, log
from spark_runtime.portable.dialect import Dialect
from spark_runtime.repeated_keys import repeated_keys
from spark_runtime.row_json import row_as_json
from spark_runtime.rule_spec import Check, Severity
from spark_runtime.rules import UniqueTest
from spark_runtime.sql import all_of, any_of, comparable, quoted, text_literal
from spark_runtime.verdict import (
    Named,
    Test,
    TestBit,
    any_failed,
    failed_names,
    mask_columns,
    masks_of,
    none_failed,
    place_bits,
)

# Where a staged row goes: rows that single-row tests pass, rows that one of them refuses, closing rows of files.
VALID, REFUSED, CLOSING = 0, 1, 2

REFUSING = frozenset({Severity.QUARANTINE, Severity.FAIL})
UNREADABLE = "readable_row"
ROW = f"_lf_part <> {CLOSING}"


# Holds, in staged rows, in words which parts of nested values do not fit.
TOLD = "_lf_told"


@dataclass(frozen=True, slots=True)
class LosingPart:
    """A part of a nested column: its path, its type, and SQL (never null) of whether the conversion lost it."""

    path: str
    type: str
    lost: str


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column to stage: its name, its type, and the conversion of the column ``source`` that gives it.

    Attributes:
        nullable: Whether null is a value; where not, a null refuses the row.
        lost_as: Name of the built-in test that refuses a row whose value the conversion lost.
        source_type: Type of the column ``source``; what is read from files is text.
        tells_text: Whether the value tells what the row had where ``source`` is null.
        parts: Parts of the column, each with a test of its own in place of the one on the whole.
    """

    name: str
    type: str
    source: str
    conversion: Conversion
    nullable: bool
    lost_as: str
    source_type: str = "string"
    tells_text: bool = False
    parts: tuple[LosingPart, ...] = ()

    def as_read(self, source: str, value: str) -> str:
        """Return SQL of what the row had, given SQL of the source and of the value."""
        return f"coalesce({source}, CAST({value} AS string))" if self.tells_text else source


@dataclass(frozen=True, slots=True)
class Kept:
    """A further column that is staged with the rows: its type, and SQL of its value in a row that fails nothing."""

    type: str
    neutral: str


@dataclass(frozen=True, slots=True)
class PlacedTest:
    """A test, and the SQL conditions over a staged row that it failed, and that it was made at all.

    Attributes:
        alone: What ``Staged.verdict`` is in a row that fails this test only; 0 where that does not tell.
    """

    name: str
    severity: Severity
    reason: str
    failed: str
    checked: str
    alone: int = 0


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows that lie staged: read them as often as needed.

    Attributes:
        df: The columns of ``types``, and the runtime's own: ``_lf_part``, ``_lf_file``, ``_lf_fault``, ``_lf_row``
            (the row as JSON or raw text, if a single-row test refuses it), ``_lf_rows`` and the verdict.
        tests: Every test that can fail here, in the order in which reasons are told.
        source_file: SQL of the address of the file a row came from.
        key_text: SQL of the key of a row as text, such as ``order_id=7``; ``None`` if no key is known.
        seconds: What typing, testing and writing the rows took.
        neutral: SQL of what a row that fails nothing has in the further columns of ``df`` that are read when rows
            are published, by their names.
        rest: Rows that fail no test, where only the others lie staged.
        decided_by: The few columns of ``df``, beside whether ``_lf_fault`` is null, that the conditions of ``tests``
            read.
        verdict: SQL of a number that tells most rows which fail one test only from all others.
    """

    df: DataFrame
    types: Mapping[str, str]
    tests: tuple[PlacedTest, ...]
    source_file: str
    key_text: str | None = None
    seconds: float = 0.0
    neutral: Mapping[str, str] = field(default_factory=dict)
    rest: "Rest | None" = None
    decided_by: tuple[str, ...] = ()
    verdict: str = "0L"

    @property
    def refused(self) -> str:
        """SQL condition that a staged row is not published."""
        return any_of([test.failed for test in self.tests if test.severity in REFUSING]) or "false"

    def valid_rows(self, *, rejected: Sequence[int] = ()) -> DataFrame:
        """Return the rows to publish, without those of rejected files; all columns."""
        if self.rest is not None:
            return self._flagged_and_rest(self.rest.df)
        # The partition says almost all of it, and lets the engine pass over the other files.
        return self._rows(f"_lf_part = {VALID} AND NOT ({self.refused})", rejected)

    def refused_rows(self, *, rejected: Sequence[int] = ()) -> DataFrame:
        """Return the rows to quarantine, without those of rejected files; all columns."""
        return self._rows(f"_lf_part <> {CLOSING} AND ({self.refused})", rejected)

    def warnings(self) -> str | None:
        """Return SQL of the names of the ``warn`` tests that a row fails; ``None`` if there are no such tests."""
        flagging = [test for test in self.tests if test.severity is Severity.WARN]
        return self.names_of(flagging) if flagging else None

    def names_of(self, tests: Sequence[PlacedTest], names: Mapping[str, str] | None = None) -> str:
        """Return SQL of the names of those of the tests that a row fails, or of what ``names`` has in their place."""
        named = {test.name: test.name for test in tests} if names is None else names
        told = [Named(test.failed, named.get(test.name, ""), test.alone) for test in tests]
        return failed_names(told, self.verdict)

    def _flagged_and_rest(self, rest: DataFrame) -> DataFrame:
        names = [quoted(name) for name in self.types]
        if all(test.severity in REFUSING for test in self.tests):
            return rest.selectExpr(*names)
        flagged = self.df.where(f"NOT ({self.refused})").selectExpr(*names, *self.neutral)
        return rest.selectExpr(*names, *(f"{sql} AS {name}" for name, sql in self.neutral.items())).union(
            flagged
        )

    def _rows(self, condition: str, rejected: Sequence[int]) -> DataFrame:
        rows = self.df.where(condition)
        if rejected:
            rows = rows.where(f"_lf_file NOT IN ({', '.join(map(str, rejected))})")
        return rows


@dataclass(frozen=True, slots=True)
class Rest:
    """Rows that fail no test and do not lie staged.

    Attributes:
        df: The rows, read anew each time; holds the published columns.
        total: How many they are together with those that lie staged.
        filtered: Rows that each test with a filter was made on, staged ones included, by the test's name.
    """

    df: DataFrame
    total: int
    filtered: Mapping[str, int]


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
    first = place_bits([test for column in columns for test in _column_tests(column)], "_lf_b")
    second = place_bits(tests, "_lf_m")
    further = kept or {}
    judged = _judge(
        job.dialect, df, columns, first, second, carried, further, origin, only_failing=only_failing
    )
    uri = _staging_uri(job, number)
    started = perf_counter()
    writer = _written_plainly(judged.df)
    # All rows are read by their part. A few are read as a whole, by all cores: Sail writes one file per part.
    (writer if only_failing else writer.partitionBy("_lf_part")).parquet(uri)
    staged = job.spark.read.schema(
        ", ".join(f"{quoted(n)} {kind}" for n, kind in judged.types.items())
    ).parquet(uri)

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


@dataclass(slots=True)
class AsideKeys:
    """Keys that one job writes aside: engines join in memory only with a side of which they know how many rows it has.

    Attributes:
        kept: How often keys were written aside.
    """

    job: Job
    kept: int = 0

    def keep(self, df: DataFrame) -> DataFrame:
        """Write few rows aside that are joined to many, and return them."""
        uri = _staging_uri(self.job, f"keys{self.kept}")
        self.kept += 1
        types = ", ".join(
            f"{quoted(field.name)} {field.dataType.simpleString()}" for field in df.schema.fields
        )
        _written_plainly(df).parquet(uri)
        return self.job.spark.read.schema(types).parquet(uri)


def _written_plainly(df: DataFrame) -> DataFrameWriter:
    # Sail leaves NaN out of a file's statistics, and where they then tell of one value, it reads that for NaN too.
    # What is read once or twice and then removed is not worth packing well: that takes longer than all tests. Each
    # engine has a name of its own for doing without dictionaries, and passes over the other's.
    return (
        df.write.mode("overwrite")
        .option("statistics_enabled", "none")
        .option("dictionary_enabled", "false")
        .option("parquet.enable.dictionary", "false")
        .option("compression", "snappy")
    )


def discard_staged(job: Job) -> None:
    """Remove all that the job has written aside; what a killed job leaves is removed by the lake's life cycle rule."""
    uri = _staging_folder(job)
    try:
        # Overwriting a folder removes the folders in it, too.
        job.spark.createDataFrame([], "done string").write.mode("overwrite").parquet(uri)
    except PySparkException as error:
        # The node's own outcome is what counts; an engine that died is told by whatever met it first.
        log.warning("staged rows stay behind at %s: %s", uri, error)


def _column_tests(column: StagedColumn) -> list[Test]:
    tests = []
    lost, value = column.conversion.lost, column.conversion.value
    for part in column.parts:
        reason = f"type:{part.path}: {part.path} cannot be read as {part.type}"
        tests.append(Test(f"type:{part.path}", Severity.QUARANTINE, part.lost, reason))
    if lost is not None and not column.parts:
        reason = f"{column.name} cannot be read as {column.type}"
        tests.append(Test(column.lost_as, Severity.QUARANTINE, f"({lost})", f"{column.lost_as}: {reason}"))
    if not column.nullable:
        name = f"not_null:{column.name}"
        missing = f"({value}) IS NULL" + (f" AND NOT ({lost})" if lost is not None else "")
        tests.append(
            Test(name, Severity.QUARANTINE, missing, f"{name}: null in a column that must have a value")
        )
    return tests


def _staging_folder(job: Job) -> str:
    output = job.spec.output
    folder, _, _ = output.uri.rpartition("/")
    return f"{folder}/_staging/{output.name}/{job.spec.idempotency_key}-{job.token}"


def _staging_uri(job: Job, name: int | str) -> str:
    return f"{_staging_folder(job)}/{name}"


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
            repeated = repeated_keys(rows.where(compared), aliases, hit, keep)
            condition = all_of([compared, *(f"{quoted(key)} = {alias}" for key, alias in aliases.items())])
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
