"""Steps that take rows as wholes, columns matched by name: union, intersect, except."""

from typing import Any

from pyspark.sql import DataFrame

from spark_runtime.errors import StepRefused
from spark_runtime.frame import LOAD_COLUMNS, Frame, find_name, types_of
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def union(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Append the rows of other inputs, columns matched by name; duplicates stay.

    Types must be equal: engines widen different ones differently, and Sail then reports a wrong schema.

    Raises:
        StepRefused: A column is missing on one side and ``allow_missing`` is not set, or two types differ.
    """
    sides = [(context.where, types_of(frame.df))]
    sides += [(name, types_of(context.input(name).df)) for name in config["with"]]
    frames = [frame.df, *(context.input(name).df for name in config["with"])]
    wanted = _result_types(sides, allow_missing=bool(config.get("allow_missing")), where=context.where)
    result = _aligned(frames[0], sides[0][1], wanted)
    for df, (_, types) in zip(frames[1:], sides[1:], strict=True):
        result = result.union(_aligned(df, types, wanted))
    return Frame(result, tuple(wanted))


def intersect(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep the rows that all other inputs have too, each once; nulls are equal here.

    Raises:
        StepRefused: The columns or their types differ.
    """
    first, others, columns = _comparable(frame, config, context)
    for other in others:
        first = first.intersect(other)
    return Frame(first, columns)


def except_rows(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep the rows that no other input has, each once; nulls are equal here.

    Raises:
        StepRefused: The columns or their types differ.
    """
    first, others, columns = _comparable(frame, config, context)
    for other in others:
        first = first.subtract(other)
    return Frame(first, columns)


def _comparable(
    frame: Frame, config: Any, context: StepContext
) -> tuple[DataFrame, list[DataFrame], tuple[str, ...]]:
    """Return the frame and the other inputs with the same columns in the same order, and these.

    Load columns stay out: two rows that landed in different files may still be the same row.
    """
    frames = [frame, *(context.input(name) for name in config["with"])]
    plain = [side.df.selectExpr(*map(quoted, side.product_columns)) for side in frames]
    sides = [(name, types_of(df)) for name, df in zip((context.where, *config["with"]), plain, strict=True)]
    wanted = _result_types(sides, allow_missing=False, where=context.where)
    first, *others = [
        Frame(_aligned(df, types, wanted), tuple(wanted))
        .with_plain_fractions(is_spark=context.dialect.is_spark)
        .df
        for df, (_, types) in zip(plain, sides, strict=True)
    ]
    return first, others, tuple(wanted)


def _result_types(
    sides: list[tuple[str, dict[str, str]]], *, allow_missing: bool, where: str
) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for name, types in sides:
        for column, kind in types.items():
            known = find_name(column, wanted)
            if known is None:
                wanted[column] = kind
            elif wanted[known] != kind:
                raise StepRefused(
                    f"{where}: column '{known}' is {wanted[known]} and in {name} {kind}; cast one of them before"
                )
    for name, types in sides:
        missing = [column for column in wanted if find_name(column, types) is None]
        for column in missing:
            if column.casefold() in LOAD_COLUMNS:
                del wanted[
                    column
                ]  # Only some of the sides are landed tables: what they have more goes no further.
            elif not allow_missing:
                raise StepRefused(
                    f"{where}: '{name}' has no column '{column}'; select the same columns on both sides, or in a union "
                    "say `allow_missing: true`"
                )
    return wanted


def _aligned(df: DataFrame, types: dict[str, str], wanted: dict[str, str]) -> DataFrame:
    expressions = []
    for column, kind in wanted.items():
        own = find_name(column, types)
        value = f"CAST(NULL AS {kind})" if own is None else quoted(own)
        expressions.append(f"{value} AS {quoted(column)}")
    return df.selectExpr(*expressions)
