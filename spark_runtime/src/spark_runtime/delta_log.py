"""Files of a Delta table's log as an engine reads them."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from pyspark.sql import SparkSession


def commit_texts(spark: SparkSession, uri: str, versions: Iterable[int]) -> dict[int, str]:
    """Return the text of each of these commits that is there, by its version.

    Raises:
        PySparkException: The log cannot be read, or there is none.
    """
    files = [f"{uri}/_delta_log/{version:020d}.json" for version in versions]
    rows = spark.read.format("binaryFile").load(files).selectExpr("path", "decode(content, 'UTF-8') AS text")
    # By version: Sail gives large files twice.
    return {int(PurePosixPath(row["path"]).stem): row["text"] for row in rows.collect()}
