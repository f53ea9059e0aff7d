"""What a job writes aside for itself, beside its table: read once or twice, and removed when the job ends."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from spark_runtime.job import Job, log
from spark_runtime.sql import columns_text


def write_aside(
    job: Job, df: DataFrame, name: str, types: Mapping[str, str], *, part: str | None = None
) -> DataFrame:
    """Write rows aside and return them as they lie there.

    Args:
        name: Tells apart what the job writes aside.
        types: The columns of ``df``, with their types.
        part: Column by which the rows are mostly read, and so are split; the last of ``types``.
    """
    # Sail leaves NaN out of a file's statistics, and where they then tell of one value, it reads that for NaN too.
    # What is read once or twice and then removed is not worth packing well: that takes longer than all tests. Each
    # engine has a name of its own for doing without dictionaries, and passes over the other's.
    writer = (
        df.write.mode("overwrite")
        .option("statistics_enabled", "none")
        .option("dictionary_enabled", "false")
        .option("parquet.enable.dictionary", "false")
        .option("compression", "snappy")
    )
    uri = f"{_folder(job)}/{name}"
    (writer.partitionBy(part) if part else writer).parquet(uri)
    return job.spark.read.schema(columns_text(types)).parquet(uri)


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
        name = f"keys{self.kept}"
        self.kept += 1
        types = {field.name: field.dataType.simpleString() for field in df.schema.fields}
        return write_aside(self.job, df, name, types)


def discard_aside(job: Job) -> None:
    """Remove all that the job has written aside; what a killed job leaves is removed by the lake's life cycle rule."""
    uri = _folder(job)
    try:
        # Overwriting a folder removes the folders in it, too.
        job.spark.createDataFrame([], "done string").write.mode("overwrite").parquet(uri)
    except PySparkException as error:
        # The node's own outcome is what counts; an engine that died is told by whatever met it first.
        log.warning("staged rows stay behind at %s: %s", uri, error)


def _folder(job: Job) -> str:
    output = job.spec.output
    folder, _, _ = output.uri.rpartition("/")
    return f"{folder}/_staging/{output.name}/{job.spec.idempotency_key}-{job.token}"
