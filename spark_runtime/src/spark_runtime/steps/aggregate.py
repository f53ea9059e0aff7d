"""The step that makes one row per group."""

from typing import Any

from pyspark.sql import functions

from spark_runtime.frame import Frame
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def aggregate(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Group by columns and measure each group; without ``by``, all rows are one group.

    With ``totals`` there are rows for groups of groups too, with null in the columns that do not count there; the
    column ``level`` is 0 for a plain group and else has a bit for each such column, the last one being 1.
    """
    frame = frame.with_plain_fractions(is_spark=context.dialect.is_spark)
    keys = [frame.find(name, where=context.where) for name in config.get("by", [])]
    measures = {name: context.sql(_measure(measure), frame) for name, measure in config["measures"].items()}
    columns = [functions.col(quoted(key)) for key in keys]
    totals = config.get("totals")
    if totals is None:
        grouped = frame.df.groupBy(*columns)
    else:
        grouped = frame.df.rollup(*columns) if totals == "rollup" else frame.df.cube(*columns)
        measures[config["level"]] = f"CAST(grouping_id({', '.join(map(quoted, keys))}) AS bigint)"
    named = [functions.expr(text).alias(name) for name, text in measures.items()]
    if totals is None:
        return Frame(grouped.agg(*named), (*keys, *measures))
    # Of no rows Spark gives no total, Sail a total of nothing.
    counted = grouped.agg(*named, functions.expr("count(1)").alias("_lf_rows")).where("_lf_rows > 0")
    return Frame(counted.drop("_lf_rows"), (*keys, *measures))


def _measure(measure: Any) -> str:
    if isinstance(measure, dict):
        return f"{measure['expression']} FILTER (WHERE {measure['filter']})"
    return str(measure)
