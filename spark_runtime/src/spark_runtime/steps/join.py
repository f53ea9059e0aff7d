"""Steps that bring columns of another input: join, and lookup, which keeps every row and multiplies none."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import functions

from spark_runtime.errors import RepeatedKeys, StepRefused
from spark_runtime.frame import Frame, find_name
from spark_runtime.portable.agreeing import are_compared
from spark_runtime.sql import all_of, quoted
from spark_runtime.steps.context import StepContext
from spark_runtime.steps.values import fill_nulls

# What the product file says, and Spark's word for it.
_KINDS = {
    "inner": "inner",
    "left": "left",
    "right": "right",
    "full": "full",
    "semi": "left_semi",
    "anti": "left_anti",
    "cross": "cross",
}


def join(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Join another input on equal columns, on a condition, on both, or pair all rows.

    The right columns get names of their own before the join, because names that both sides have are ambiguous in
    different ways on different engines. Key columns appear once: from the left, or from whichever side has them in
    a right or full join.

    Raises:
        StepRefused: A column is not there, or a right column has the name of a left one.
        RepeatedKeys: The step asks for unique keys and the other input repeats one.
    """
    right = context.input(config["with"])
    kind = config.get("how", "inner")
    pairs = _key_pairs(frame, right, config.get("on") or [], context)
    brought = {} if kind in {"semi", "anti"} else _brought(right, config.get("columns"), pairs, context)
    _refuse_clashes(frame, brought, context)
    is_null_safe = bool(config.get("null_safe"))
    if config.get("unique"):
        _refuse_repeated_keys(right, config["with"], [key for _, key in pairs], is_null_safe, context)

    prefix = context.views.prefix()
    aliases = {
        name: f"{prefix}{at}"
        for at, name in enumerate(dict.fromkeys([*(r for _, r in pairs), *brought.values()]))
    }
    renamed = [f"{quoted(name)} AS {quoted(alias)}" for name, alias in aliases.items()]
    equals = "<=>" if is_null_safe else "="
    types, types_there = (frame.types(), right.types()) if pairs else ({}, {})
    conditions = []
    for mine, other in pairs:
        _require_compared(mine, types[mine], other, types_there[other], context)
        compared = f"{quoted(mine)} {equals} {quoted(aliases[other])}"
        kinds = {mine: types[mine], aliases[other]: types_there[other]}
        conditions.append(context.dialect.over_columns(kinds, compared))
    if config.get("condition") is not None:
        conditions.append(context.sql(config["condition"], frame, {config["with"]: right}))
        renamed += _named_side(frame, right, config, context)
    # An engine may drop a side that has no columns, and its rows with it.
    side = right.df.selectExpr(*(renamed or [f"true AS {quoted(prefix)}"]))
    if config.get("broadcast"):
        side = functions.broadcast(side)
    matching = functions.expr(all_of(conditions)) if conditions else None
    joined = frame.df.join(side, on=matching, how=_KINDS[kind])
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


def lookup(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Bring columns of the one row of another input that has the key, with defaults where there is none.

    Raises:
        StepRefused: A column is not there, a name is taken, or a default is no value of its column's type.
        RepeatedKeys: The other input has several rows with one key.
    """
    found = join(frame, {**config, "how": "left", "unique": True}, context)
    defaults = config.get("defaults") or {}
    return fill_nulls(found, defaults, context) if defaults else found


def _named_side(frame: Frame, right: Frame, config: Any, context: StepContext) -> list[str]:
    """Return a struct with the input's name and the columns that a condition mentions.

    So ``rates.since`` means the column of the input and a bare name one of the running frame, on every engine.
    """
    name, text = config["with"], config["condition"].casefold()
    if find_name(name, frame.columns) is not None:
        raise StepRefused(
            f"{context.where}: '{name}' is a column and the input to join, so '{name}.x' could mean either; "
            "rename the column before"
        )
    mentioned = [quoted(column) for column in right.columns if column.casefold() in text]
    return [f"struct({', '.join(mentioned)}) AS {quoted(name)}"] if mentioned else []


def _require_compared(mine: str, kind: str, other: str, kind_of_other: str, context: StepContext) -> None:
    """Refuse keys of two types that Spark does not compare; Sail takes days of a date for a number.

    Raises:
        StepRefused: See there.
    """
    if not are_compared(kind, kind_of_other):
        raise StepRefused(
            f"{context.where}: column '{mine}' is {kind} and '{other}' of the other input is {kind_of_other}; "
            "cast one of them in a step before"
        )


def _refuse_repeated_keys(
    right: Frame, name: str, keys: Sequence[str], is_null_safe: bool, context: StepContext
) -> None:
    rows = right.with_plain_fractions(is_spark=context.dialect.is_spark).df
    rows = rows.selectExpr(*map(quoted, dict.fromkeys(keys)))
    if not is_null_safe:
        # A key with a null in it meets no row, so it multiplies none.
        rows = rows.where(all_of([f"{quoted(key)} IS NOT NULL" for key in keys]))
    counted = rows.groupBy(*(functions.col(quoted(key)) for key in dict.fromkeys(keys))).agg(
        functions.expr("count(1)").alias("_lf_count")
    )
    repeated = counted.where("_lf_count > 1").limit(3).collect()
    if repeated:
        examples = "; ".join(", ".join(f"{key}={row[key]}" for key in keys) for row in repeated)
        raise RepeatedKeys(
            f"{context.where}: '{name}' has several rows with the same key ({', '.join(keys)}), for example "
            f"{examples}. Each would multiply the rows it meets. Remove them where '{name}' is built, or build a "
            "dataset with one row per key from it."
        )


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
