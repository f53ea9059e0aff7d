"""The step that measures each row among its neighbours."""

import re
from typing import Any

from spark_runtime.frame import Frame
from spark_runtime.sql import quoted
from spark_runtime.steps.columns import refuse_taken
from spark_runtime.steps.context import StepContext

_CALLED = re.compile(r"\s*(\w+)\s*\(")
# Rows of equal order are peers and share the result; everything else that looks at single rows must tell them apart.
_OF_PEERS = frozenset({"rank", "dense_rank", "percent_rank", "cume_dist"})
_BY_POSITION = frozenset(
    {
        "row_number", "ntile", "lag", "lead", "first", "first_value", "last", "last_value", "nth_value",
        "collect_list", "array_agg",
    }
)  # fmt: skip
# These have a frame of their own, and engines refuse another.
_WITHOUT_FRAME = _OF_PEERS | {"row_number", "ntile", "lag", "lead"}


def window(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Add measures over the rows of the same partition.

    ``rows`` bounds the neighbours by number, from the row itself. There are no frames by value: over dates one of
    the engines sums them wrongly. Where the position of a row counts, all remaining columns break ties.

    Raises:
        StepRefused: A column is not there, or a measure has the name of one that is.
    """
    measures = config["measures"]
    frame = frame.with_plain_fractions(is_spark=context.dialect.is_spark)
    refuse_taken(measures, frame.columns, context)
    keys = [frame.find(name, where=context.where) for name in config.get("partition_by") or ()]
    order = list(config.get("order_by") or ())
    rest = [quoted(name) for name in frame.columns if name not in keys]
    rows = config.get("rows")
    windows = []
    for name, text in measures.items():
        match = _CALLED.match(text)
        called = match[1].lower() if match is not None else ""
        is_positional = called in _BY_POSITION or (rows is not None and called not in _OF_PEERS)
        parts = []
        if keys:
            parts.append(f"PARTITION BY {', '.join(map(quoted, keys))}")
        if order:
            parts.append(f"ORDER BY {', '.join([*order, *(rest if is_positional else [])])}")
        if rows is not None and called not in _WITHOUT_FRAME:
            parts.append(f"ROWS BETWEEN {_edge(rows[0])} AND {_edge(rows[1])}")
        measure = context.sql(f"{text} OVER ({' '.join(parts)})", frame)
        windows.append(f"{measure} AS {quoted(name)}")
    df = frame.df.selectExpr(*map(quoted, frame.columns), *windows)
    return Frame(df, (*frame.columns, *measures))


def _edge(edge: Any) -> str:
    if edge in {"first", "last"}:
        return f"UNBOUNDED {'PRECEDING' if edge == 'first' else 'FOLLOWING'}"
    if edge == 0:
        return "CURRENT ROW"
    return f"{-edge} PRECEDING" if edge < 0 else f"{edge} FOLLOWING"
