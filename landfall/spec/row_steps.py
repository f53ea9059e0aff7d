"""What steps that choose rows or look around among them do to the columns of a frame."""

import re
from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from landfall.spec.frames import ColumnType, Frame, type_of_expression
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import (
    Path,
    Report,
    add_columns,
    check_columns,
    check_comparable,
    check_comparable_columns,
    check_sort_entries,
    check_value,
)
from landfall.spec.value_steps import check_key_columns

# Window functions that mean something by the order of rows only.
_ORDERED = frozenset(
    {
        "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first",
        "first_value", "last", "last_value", "nth_value",
    }
)  # fmt: skip


def limit(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_sort_entries(config.get("order_by") or (), frame, ("order_by",), report)
    check_comparable(frame, report)
    return frame


def sample(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_key_columns(config["keys"], frame, ("keys",), report)
    return frame


def window(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_columns(config.get("partition_by") or (), frame, ("partition_by",), report)
    order_by = config.get("order_by") or ()
    check_sort_entries(order_by, frame, ("order_by",), report)
    if order_by:
        check_comparable(frame, report)
    else:
        check_comparable_columns(config.get("partition_by") or (), frame, ("partition_by",), report)
    columns: dict[str, ColumnType] = dict(frame.types) if frame is not None else {}
    for name, text in config["measures"].items():
        path: Path = ("measures", name)
        tree = check_value(text, frame, path, report, "a measure")
        if tree is not None:
            problem = _window_problem(tree, text, is_ordered=bool(order_by))
            if problem is not None:
                report(path, problem)
        add_columns(
            columns, {name: type_of_expression(tree, frame) if tree is not None else None}, path, report
        )
    return Frame(columns, frame.has_load_columns) if frame is not None else None


def _window_problem(tree: exp.Expr, text: str, *, is_ordered: bool) -> SqlProblem | None:
    called = tree.this if isinstance(tree, (exp.IgnoreNulls, exp.RespectNulls)) else tree
    match = re.match(r"\s*(\w+)\s*\(", text)
    name = match[1].lower() if match is not None else ""
    if tree.find(exp.Window) is not None:
        return SqlProblem("LF1054", "a measure has its window from the step", "remove over (…)")
    if tree.find(exp.Filter) is not None:
        message = "a filter in a window is not understood by every Spark engine"
        return SqlProblem("LF1053", message, "put the condition inside, as in sum(case when … then x end)")
    if tree.find(exp.Distinct) is not None:
        message = "distinct in a window is not understood by every Spark engine"
        return SqlProblem("LF1053", message, "measure collect_set(x), and derive its size in the next step")
    if not isinstance(called, (exp.AggFunc, exp.Anonymous)) and name not in _ORDERED:
        message = f"'{text.strip()[:60]}' is not one call of an aggregate or window function"
        return SqlProblem("LF1054", message, "measure first, and derive from the measures in the next step")
    if name in _ORDERED and not is_ordered:
        return SqlProblem("LF1030", f"{name}(…) depends on an order", "add order_by: to the step")
    return None
