"""Steps that choose or order rows and keep columns: filter, sort, limit, dedupe."""

import re
from typing import Any

from pyspark.sql import Column, functions

from spark_runtime.frame import Frame
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext

_ORDER = re.compile(r"(?is)^(?P<key>.+?)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?\s*$")


def filter_rows(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep the rows that meet a SQL condition."""
    return Frame(frame.df.where(context.sql(config, frame)), frame.columns)


def sort(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Order the rows; the table keeps them roughly so, which makes its files easier to skip."""
    return Frame(frame.df.orderBy(*(_sort_key(context.sql(item, frame)) for item in config)), frame.columns)


def limit(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep the first rows by ``order_by``, ties broken by all columns, so that chance has no part in it."""
    frame = frame.with_plain_fractions(is_spark=context.dialect.is_spark)
    order = [_sort_key(context.sql(item, frame)) for item in config.get("order_by") or ()]
    ties = [functions.col(quoted(name)).asc_nulls_first() for name in frame.columns]
    return Frame(frame.df.orderBy(*order, *ties).limit(config["rows"]), frame.columns)


def _sort_key(text: str) -> Column:
    match = _ORDER.match(text)
    key, way, nulls = (match["key"], match["way"], match["nulls"]) if match else (text, None, None)
    column = functions.expr(key)
    descending = (way or "asc").lower() == "desc"
    # Spark's own default: nulls are smallest.
    nulls_first = (nulls or ("last" if descending else "first")).lower() == "first"
    if descending:
        return column.desc_nulls_first() if nulls_first else column.desc_nulls_last()
    return column.asc_nulls_first() if nulls_first else column.asc_nulls_last()


def dedupe(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep one row per key: the first or last by ``order_by``, ties broken by all remaining columns.

    Two rows that no column tells apart are the same row, so the result does not depend on chance.
    """
    frame = frame.with_plain_fractions(is_spark=context.dialect.is_spark)
    keys = [frame.find(name, where=context.where) for name in config["keys"]]
    partition = f"PARTITION BY {', '.join(map(quoted, keys))}"
    remaining = [quoted(name) for name in frame.columns if name not in keys]
    order = ", ".join([*(context.sql(item, frame) for item in config.get("order_by", [])), *remaining]) or "1"
    number, size = f"{context.views.prefix()}number", f"{context.views.prefix()}size"
    windows = [f"row_number() OVER ({partition} ORDER BY {order}) AS {quoted(number)}"]
    wanted = f"{quoted(number)} = 1"
    if config.get("keep", "first") == "last":
        windows.append(f"count(1) OVER ({partition}) AS {quoted(size)}")
        wanted = f"{quoted(number)} = {quoted(size)}"
    numbered = frame.df.selectExpr("*", *windows).where(wanted)
    return Frame(numbered.selectExpr(*map(quoted, frame.columns)), frame.columns)
