"""The step that brings columns of another input."""

from typing import Any

from pyspark.sql import functions

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame, find_name
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext

# What the product file says, and Spark's word for it.
_KINDS = {
    "inner": "inner",
    "left": "left",
    "right": "right",
    "full": "full",
    "semi": "left_semi",
    "anti": "left_anti",
}


def join(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Join another input on equal columns.

    The right columns get names of their own before the join, because names that both sides have are ambiguous in
    different ways on different engines. Key columns appear once: from the left, or from whichever side has them in
    a right or full join.

    Raises:
        StepRefused: A column is not there, or a right column has the name of a left one.
    """
    right = context.input(config["with"])
    kind = config.get("how", "inner")
    pairs = _key_pairs(frame, right, config["on"], context)
    brought = {} if kind in {"semi", "anti"} else _brought(right, config.get("columns"), pairs, context)
    _refuse_clashes(frame, brought, context)

    prefix = context.views.prefix()
    aliases = {
        name: f"{prefix}{at}"
        for at, name in enumerate(dict.fromkeys([*(r for _, r in pairs), *brought.values()]))
    }
    renamed = right.df.selectExpr(*(f"{quoted(name)} AS {quoted(alias)}" for name, alias in aliases.items()))
    equals = "<=>" if config.get("null_safe") else "="
    condition = " AND ".join(f"{quoted(mine)} {equals} {quoted(aliases[other])}" for mine, other in pairs)
    joined = frame.df.join(renamed, on=functions.expr(condition), how=_KINDS[kind])
    if kind in {"semi", "anti"}:
        return Frame(joined, frame.columns)

    of_key = {mine: aliases[other] for mine, other in pairs} if kind in {"right", "full"} else {}
    left = [
        f"coalesce({quoted(name)}, {quoted(of_key[name])}) AS {quoted(name)}"
        if name in of_key
        else quoted(name)
        for name in frame.columns
    ]
    others = [f"{quoted(aliases[old])} AS {quoted(new)}" for new, old in brought.items()]
    return Frame(joined.selectExpr(*left, *others), (*frame.columns, *brought))


def _key_pairs(frame: Frame, right: Frame, on: Any, context: StepContext) -> list[tuple[str, str]]:
    asked = on.items() if isinstance(on, dict) else ((name, name) for name in on)
    return [
        (frame.find(mine, where=context.where), right.find(other, where=f"{context.where}, right side"))
        for mine, other in asked
    ]


def _brought(
    right: Frame, columns: Any, pairs: list[tuple[str, str]], context: StepContext
) -> dict[str, str]:
    """Return the right columns to bring: name in the result to name in the right input."""
    if columns is None:
        keys = {other for _, other in pairs}
        return {name: name for name in right.product_columns if name not in keys}
    asked = columns.items() if isinstance(columns, dict) else ((name, name) for name in columns)
    return {new: right.find(old, where=f"{context.where}, right side") for new, old in asked}


def _refuse_clashes(frame: Frame, brought: dict[str, str], context: StepContext) -> None:
    for new in brought:
        if find_name(new, frame.columns) is not None:
            raise StepRefused(
                f"{context.where}: both sides have a column '{new}'; say under `columns:` which right columns to "
                "bring, as a list or as {new_name: right_column}"
            )
