"""Frames without rows, whose columns have their types and may be null on every engine."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession

from spark_runtime.sql import quoted


def empty_frame(spark: SparkSession, types: Mapping[str, str]) -> DataFrame:
    """Return a frame without rows; its columns may be null, whatever an engine sees in them.

    Not of ``createDataFrame``: Sail gives the fields of its nested types marks that stay in the table, and takes no
    row of other make into it. Of a range and not of nothing: a branch that an optimiser sees to be empty leaves
    its union, and takes with it what it said of nulls.
    """
    columns = [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items()]
    return spark.range(1).where("id < 0").selectExpr(*columns)
