"""Publishing rows: each mode so that doing it twice leaves the table of doing it once."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, functions

from spark_runtime.errors import RepeatedMergeKeys
from spark_runtime.frame import MARKS, find_name
from spark_runtime.further_columns import RESCUED
from spark_runtime.history import history_types, write_history
from spark_runtime.job import Job
from spark_runtime.slices import replace_own_slice, replace_partitions
from spark_runtime.sql import comparable, quoted
from spark_runtime.table_columns import require_column, require_same_columns
from spark_runtime.tables import Action, Commit, MergeClause, When
from spark_runtime.write_spec import WriteMode

# Modes that read the rows they write once; all others need them to lie still.
ONE_PASS = frozenset({WriteMode.APPEND, WriteMode.OVERWRITE})
_ALL_ROWS = "true"


@dataclass(frozen=True, slots=True)
class Publication:
    """A write that was done.

    Attributes:
        types: The columns of the table.
        rows: SQL condition that the written rows meet in the table and no others do; ``None`` where a merge
            decides which rows these are.
    """

    commit: Commit | None
    types: Mapping[str, str]
    rows: str | None

    @property
    def written_rows(self) -> int | None:
        """How many rows were written; ``None`` where the commit does not say so, or may have written others again."""
        if self.commit is None or (self.commit.removes_files and self.rows != _ALL_ROWS):
            return None
        return self.commit.output_rows


def publish(job: Job, df: DataFrame, types: Mapping[str, str]) -> Publication:
    """Write the rows of ``df`` to the node's table.

    Overwrite takes the columns of ``df``, all other modes keep those of the table. An incremental node that
    reads everything again and appends overwrites too.

    Args:
        df: Holds the columns by which a slice is found again, as ``slices.added_columns`` names them.
        types: The columns of ``df`` in order, and their types.

    Raises:
        ColumnMismatch: The table has other columns.
        RepeatedMergeKeys: Two rows to be merged have one key, and no order says which of them is newer.
        CommitConflict: Other writers won every time.
    """
    output = job.spec.output
    mode = output.write.mode
    rows: str | None = None
    if mode is WriteMode.OVERWRITE or (mode is WriteMode.APPEND and job.findings.starts_anew):
        job.tables.overwrite(output.uri, df, types, key=job.spec.idempotency_key)
        return Publication(job.tables.find_commit(output.uri, job.spec.idempotency_key), types, _ALL_ROWS)
    df, types = _with_former_marks(job, df, types)
    df = _with_plain_fractions(job, df, types)
    if mode in {WriteMode.APPEND, WriteMode.SNAPSHOT}:
        rows = replace_own_slice(job, df, types)
    elif mode is WriteMode.REPLACE_PARTITIONS:
        rows = replace_partitions(job, df, types)
    elif output.write.order_by is not None:
        write_history(job, df, types)
        types = history_types(job, types)
    else:
        _merge(job, df, types)
    return Publication(job.tables.find_commit(output.uri, job.spec.idempotency_key), types, rows)


def _with_former_marks(
    job: Job, df: DataFrame, types: Mapping[str, str]
) -> tuple[DataFrame, Mapping[str, str]]:
    """Return the rows with the columns that rules and drifts of before gave the table and those of today do not."""
    existing = job.tables.types(job.spec.output.uri) or {}
    nothing = {**dict.fromkeys(MARKS, "array()"), RESCUED: "NULL"}
    former = [name for name in nothing if name in existing and name not in types]
    if not former:
        return df, types
    empty = (f"CAST({nothing[name]} AS {existing[name]}) AS {quoted(name)}" for name in former)
    return df.selectExpr("*", *empty), {**types, **{name: existing[name] for name in former}}


def _with_plain_fractions(job: Job, df: DataFrame, types: Mapping[str, str]) -> DataFrame:
    """Return the rows with one zero and one NaN where they are told apart or ordered: Sail takes two for two keys."""
    write = job.spec.output.write
    deciding = {find_name(name, types) for name in (*write.keys, write.order_by or "")}
    if not any(name in deciding and kind in {"float", "double"} for name, kind in types.items()):
        return df
    values = (
        f"{comparable(quoted(name), kind) if name in deciding else quoted(name)} AS {quoted(name)}"
        for name, kind in types.items()
    )
    return df.selectExpr(*values)


def _merge(job: Job, df: DataFrame, types: Mapping[str, str]) -> None:
    output = job.spec.output
    keys = [require_column(job, key, types, "to merge on") for key in output.write.keys]
    _refuse_repeated_keys(job, df, keys)
    require_same_columns(job, output.uri, types)
    condition = " AND ".join(f"target.{quoted(key)} <=> source.{quoted(key)}" for key in keys)
    deletes = output.write.delete_when
    gone = f"coalesce(({deletes}), false)" if deletes else "false"
    marked = job.views.register(df.selectExpr("*", f"{gone} AS _lf_gone"))
    values = {name: f"source.{quoted(name)}" for name in types}
    clauses = (
        MergeClause(When.MATCHED, Action.DELETE, "source._lf_gone"),
        MergeClause(When.MATCHED, Action.UPDATE, values=values),
        MergeClause(When.NOT_MATCHED, Action.INSERT, "NOT source._lf_gone", values),
    )
    job.tables.merge(output.uri, lambda: marked, condition, clauses)


def _refuse_repeated_keys(job: Job, df: DataFrame, keys: list[str]) -> None:
    counted = df.groupBy(*(functions.col(quoted(key)) for key in keys)).agg(
        functions.expr("count(1)").alias("_lf_count")
    )
    repeated = counted.where("_lf_count > 1").limit(3).collect()
    if repeated:
        examples = "; ".join(", ".join(f"{key}={row[key]}" for key in keys) for row in repeated)
        raise RepeatedMergeKeys(
            f"{job.spec.output.name}: several rows have the same merge key ({', '.join(keys)}), for example "
            f"{examples}. Add order_by with the column that says which is newer, a dedupe step, or more keys."
        )
