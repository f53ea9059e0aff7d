"""The step that makes one row per group."""

from typing import Any

from pyspark.sql import functions

from spark_runtime.frame import Frame
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def aggregate(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Group by columns and measure each group; without ``by``, all rows are one group."""
    keys = [frame.find(name, where=context.where) for name in config.get("by", [])]
    measures = config["measures"]
    grouped = frame.df.groupBy(*(functions.col(quoted(key)) for key in keys))
    df = grouped.agg(*(functions.expr(text).alias(name) for name, text in measures.items()))
    return Frame(df, (*keys, *measures))
