"""Publishing rows: append, overwrite or merge, each so that doing it twice leaves the table of doing it once."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, functions

from spark_runtime.casts import same_type
from spark_runtime.delta import schema_text
from spark_runtime.errors import ColumnMismatch, RepeatedMergeKeys
from spark_runtime.frame import find_name
from spark_runtime.job import Job
from spark_runtime.spec import Output, WriteMode
from spark_runtime.sql import quoted, text_literal
from spark_runtime.tables import Action, Commit, MergeClause, When

RUN_COLUMN = "_run_id"


def publish(job: Job, df: DataFrame, types: Mapping[str, str]) -> Commit | None:
    """Write the rows of ``df`` to the node's table and return the commit.

    Append replaces the rows of the same run, so ``df`` carries ``_run_id`` then. Overwrite takes the columns of
    ``df``, append and merge keep those of the table.

    Args:
        types: The columns of ``df`` in order, and their types.

    Raises:
        ColumnMismatch: The table has other columns.
        RepeatedMergeKeys: Two rows to be merged have one key.
        CommitConflict: Other writers won every time.
    """
    output = job.spec.output
    if output.write.mode is WriteMode.MERGE:
        _merge(job, df, types)
    elif output.write.mode is WriteMode.APPEND:
        _require_same_columns(job, types)
        mine = f"{RUN_COLUMN} = {text_literal(job.spec.run_id)}"
        job.tables.replace_slice(output.uri, df, mine, key=job.spec.idempotency_key)
    else:
        job.tables.overwrite(output.uri, _nullable(job, df, types), key=job.spec.idempotency_key)
    return job.tables.find_commit(output.uri, job.spec.idempotency_key)


def _nullable(job: Job, df: DataFrame, types: Mapping[str, str]) -> DataFrame:
    """Return the same rows with columns that may be null, for Sail writes NOT NULL where it sees none."""
    return job.spark.createDataFrame([], schema_text(types)).union(df)


def _merge(job: Job, df: DataFrame, types: Mapping[str, str]) -> None:
    output = job.spec.output
    keys = [_merge_key(output, key, types) for key in output.write.keys]
    _refuse_repeated_keys(df, keys, output)
    _require_same_columns(job, types)
    view = job.views.register(df)
    condition = " AND ".join(f"target.{quoted(key)} <=> source.{quoted(key)}" for key in keys)
    clauses = (MergeClause(When.MATCHED, Action.UPDATE), MergeClause(When.NOT_MATCHED, Action.INSERT))
    job.tables.merge(output.uri, view, condition, clauses)


def _merge_key(output: Output, key: str, types: Mapping[str, str]) -> str:
    found = find_name(key, types)
    if found is None:
        raise ColumnMismatch(
            f"{output.name}: there is no column '{key}' to merge on; there are {', '.join(types)}"
        )
    return found


def _refuse_repeated_keys(df: DataFrame, keys: list[str], output: Output) -> None:
    counted = df.groupBy(*(functions.col(quoted(key)) for key in keys)).agg(
        functions.expr("count(1)").alias("_lf_count")
    )
    repeated = counted.where("_lf_count > 1").limit(3).collect()
    if repeated:
        examples = "; ".join(", ".join(f"{key}={row[key]}" for key in keys) for row in repeated)
        raise RepeatedMergeKeys(
            f"{output.name}: several rows have the same merge key ({', '.join(keys)}), for example {examples}. "
            "Add a dedupe step with an order, or more columns to the keys."
        )


def _require_same_columns(job: Job, types: Mapping[str, str]) -> None:
    """Create the table, or refuse to write columns it does not have.

    Engines do not agree on this: what one refuses the other drops without a word.
    """
    output = job.spec.output
    existing = job.tables.types(output.uri)
    if existing is None:
        job.tables.create_if_missing(output.uri, types)
        return
    faults = [f"no column '{name}' in the table" for name in types if find_name(name, existing) is None]
    for name, kind in existing.items():
        own = find_name(name, types)
        if own is None:
            faults.append(f"the table's column '{name}' is missing")
        elif not same_type(types[own], kind):
            faults.append(f"'{name}' is {types[own]} and in the table {kind}")
    if faults:
        raise ColumnMismatch(
            f"{output.name}: the rows do not fit the table at {output.uri}: {'; '.join(faults)}. Change the "
            "declared columns back, or write once with mode overwrite to give the table its new columns."
        )
