"""Writes that replace one slice of a table in one commit: a run's rows, a snapshot, partitions.

A slice is a condition. Replacing it does not depend on what an earlier attempt wrote, so doing it twice leaves
the table of doing it once. Dynamic partition overwrite is not used: an engine takes it for the whole table.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame

from spark_runtime.errors import RowsUnaccounted, TooManyPartitions, UnsupportedPartition
from spark_runtime.job import Job
from spark_runtime.spec import NodeSpec
from spark_runtime.sql import all_of, any_of, quoted, text_literal
from spark_runtime.table_columns import require_column, require_same_columns
from spark_runtime.write_spec import SnapshotPer, WriteMode

RUN_COLUMN = "_run_id"
# Their values stand in the condition of the write, and a condition of many thousand terms is slow to plan.
MOST_PARTITIONS = 1_000
_PARTITION_TYPES = frozenset({"string", "boolean", "tinyint", "smallint", "int", "bigint", "date"})


def added_columns(job: Job) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns by which the rows of a slice are found again: as SQL by name, and their types."""
    write = job.spec.output.write
    if write.mode is WriteMode.APPEND:
        return {RUN_COLUMN: text_literal(job.spec.run_id)}, {RUN_COLUMN: "string"}
    if write.mode is WriteMode.SNAPSHOT and write.snapshot_per is SnapshotPer.RUN:
        return {write.snapshot_column: text_literal(job.spec.run_id)}, {write.snapshot_column: "string"}
    if write.mode is WriteMode.SNAPSHOT:
        return {write.snapshot_column: _date(job.spec.run_date)}, {write.snapshot_column: "date"}
    return {}, {}


def replace_own_slice(job: Job, df: DataFrame, types: Mapping[str, str]) -> str:
    """Replace the rows of this run, or of its snapshot; return the condition that they meet.

    Rows of runs in which the node did not succeed go in the same commit: nobody was told that they are there.
    """
    output = job.spec.output
    require_same_columns(job, output.uri, types)
    if output.write.mode is WriteMode.SNAPSHOT and output.write.snapshot_per is SnapshotPer.DATE:
        own = gone = _is(quoted(output.write.snapshot_column), _date(job.spec.run_date))
    else:
        column = quoted(RUN_COLUMN if output.write.mode is WriteMode.APPEND else output.write.snapshot_column)
        own = _is(column, text_literal(job.spec.run_id))
        runs = dict.fromkeys((job.spec.run_id, *output.discard_runs))
        repeated = replaced_rows(job.spec, run_column=column)
        gone = any_of([*(_is(column, text_literal(run)) for run in runs), *repeated])
    job.tables.replace_slice(output.uri, df, gone, key=job.spec.idempotency_key)
    return own


def replaced_rows(spec: NodeSpec, *, run_column: str = RUN_COLUMN) -> list[str]:
    """Return the conditions of the rows that former runs wrote and this one writes again."""
    return [
        all_of(
            [
                _is(run_column, text_literal(replaced.run_id)),
                *([is_one_of("_source_file", replaced.files)] if replaced.files else []),
            ]
        )
        for replaced in spec.output.replaces
    ]


def replace_partitions(job: Job, df: DataFrame, types: Mapping[str, str]) -> str:
    """Replace the partitions that have rows in ``df``, and no others; return the condition that they meet.

    Args:
        df: Rows that lie staged; they are read three times.

    Raises:
        TooManyPartitions: The rows are of more partitions than one condition can name.
        UnsupportedPartition: Engines write values of a partition column as text in different ways.
    """
    output = job.spec.output
    columns = [require_column(job, name, types, "to partition by") for name in output.write.partition_by]
    require_same_columns(job, output.uri, types)
    condition = _partitions(job, df, {column: types[column] for column in columns})
    outside = df.where(f"NOT coalesce({condition}, false)").count()
    if outside:
        # Sail writes rows outside the condition without a word, and their partitions would be there twice.
        raise RowsUnaccounted(
            f"{output.name}: {outside} rows are of none of the partitions to be replaced. Nothing was written."
        )
    job.tables.replace_slice(output.uri, df, condition, key=job.spec.idempotency_key)
    return condition


def _partitions(job: Job, df: DataFrame, types: Mapping[str, str]) -> str:
    """Return the condition that a row is of one of the partitions that ``df`` has rows of."""
    for column, kind in types.items():
        if kind not in _PARTITION_TYPES:
            raise UnsupportedPartition(job.spec.output.name, column, kind)
    texts = [f"CAST({quoted(column)} AS string) AS p{at}" for at, column in enumerate(types)]
    found = df.selectExpr(*texts).distinct().limit(MOST_PARTITIONS + 1).collect()
    if len(found) > MOST_PARTITIONS:
        raise TooManyPartitions(job.spec.output.name, tuple(types), MOST_PARTITIONS)
    return any_of([all_of(_equal_to(types, row)) for row in found]) or "false"


def _equal_to(types: Mapping[str, str], row: Sequence[str | None]) -> list[str]:
    return [
        _is_text(quoted(column), kind, text) for (column, kind), text in zip(types.items(), row, strict=True)
    ]


def _is_text(column: str, kind: str, text: str | None) -> str:
    if text is None:
        return f"{column} IS NULL"
    if kind == "boolean":
        # Compared with a literal, Sail looks for the least and the greatest boolean of each file, and there is none.
        return f"({column} IS NOT NULL AND {column if text == 'true' else f'NOT {column}'})"
    return _is(column, f"CAST({text_literal(text)} AS {kind})")


def _is(column: str, value: str) -> str:
    """Return a condition that is never null: Sail takes rows away where the condition of a slice is null."""
    return f"({column} IS NOT NULL AND {column} = {value})"


def is_one_of(column: str, values: Sequence[str]) -> str:
    """Return a condition that is never null."""
    return f"({column} IS NOT NULL AND {column} IN ({', '.join(map(text_literal, values))}))"


def _date(text: str) -> str:
    return f"DATE{text_literal(text)}"
