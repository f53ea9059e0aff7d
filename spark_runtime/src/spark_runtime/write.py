"""Publishing rows: append, overwrite or merge, each so that doing it twice leaves the table of doing it once."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, functions

from spark_runtime.casts import same_type
from spark_runtime.delta import (
    Commit,
    create_if_missing,
    find_commit,
    retry_conflicts,
    schema_text,
    table_name,
    table_types,
)
from spark_runtime.errors import ColumnMismatch, RepeatedMergeKeys
from spark_runtime.frame import find_name
from spark_runtime.job import Job
from spark_runtime.spec import Output, WriteMode
from spark_runtime.sql import quoted, text_literal

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
        replace_slice(job, output.uri, df, f"{RUN_COLUMN} = {text_literal(job.spec.run_id)}")
    else:
        rows = _nullable(job, df, types)
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        stamped = writer.option("userMetadata", job.spec.idempotency_key)
        retry_conflicts(output.uri, lambda: stamped.save(output.uri))
    return find_commit(job.spark, output.uri, job.spec.idempotency_key)


def replace_slice(job: Job, uri: str, df: DataFrame, slice_condition: str) -> None:
    """Replace the rows of an existing table that meet a condition, in one commit.

    The rows of ``df`` must meet it too: the runtime writes the columns of the condition itself, as literals.
    """
    # Sail cannot put array columns of another make beside those of the table; the table's own, empty, lead here.
    rows = job.spark.read.format("delta").load(uri).where("false").unionByName(df)
    writer = rows.write.format("delta").mode("overwrite")
    stamped = writer.option("replaceWhere", slice_condition).option("userMetadata", job.spec.idempotency_key)
    retry_conflicts(uri, lambda: stamped.save(uri))


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
    statement = (
        f"MERGE INTO {table_name(output.uri)} AS target USING {view} AS source ON {condition} "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    retry_conflicts(output.uri, lambda: job.spark.sql(statement).collect())


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
    existing = table_types(job.spark, output.uri)
    if existing is None:
        create_if_missing(job.spark, output.uri, types)
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
