"""Steps that change columns and keep rows: select, derive, rename, drop."""

from collections.abc import Iterable
from typing import Any

from pyspark.sql import functions

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame, find_name
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def select(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Keep what a list of SQL select expressions says."""
    return Frame.resolve(frame.df.selectExpr(*(context.sql(text, frame) for text in config)))


def derive(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Add or replace columns; every expression sees the columns as they were before the step."""
    named = {
        find_name(name, frame.columns) or name: context.sql(text, frame) for name, text in config.items()
    }
    df = frame.df.withColumns({name: functions.expr(expression) for name, expression in named.items()})
    return Frame(df, (*frame.columns, *(name for name in named if name not in frame.columns)))


def rename(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Rename columns, all at once, so that two may change places.

    Raises:
        StepRefused: A column is not there, or two would have one name.
    """
    names = {frame.find(old, where=context.where): new for old, new in config.items()}
    columns = tuple(names.get(name, name) for name in frame.columns)
    keys = [name.casefold() for name in columns]
    for name in columns:
        if keys.count(name.casefold()) > 1:
            raise StepRefused(
                f"{context.where}: two columns would be named '{name}'; drop or rename the other"
            )
    pairs = zip(frame.columns, columns, strict=True)
    return Frame(frame.df.selectExpr(*(f"{quoted(old)} AS {quoted(new)}" for old, new in pairs)), columns)


def drop(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Leave columns out.

    Raises:
        StepRefused: A column is not there.
    """
    dropped = {frame.find(name, where=context.where) for name in config}
    kept = tuple(name for name in frame.columns if name not in dropped)
    return Frame(frame.df.selectExpr(*map(quoted, kept)), kept)


def refuse_taken(new: Iterable[str], taken: Iterable[str], context: StepContext) -> None:
    """Refuse new columns with the names of others.

    Raises:
        StepRefused: A column of that name is there already.
    """
    columns = list(taken)
    for name in new:
        if find_name(name, columns) is not None:
            raise StepRefused(
                f"{context.where}: there would be two columns '{name}'; name the new one otherwise, or drop the other"
            )
        columns.append(name)
