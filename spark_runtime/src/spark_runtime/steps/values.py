"""Steps that change values and keep rows and columns: fill_nulls, replace_values."""

from collections.abc import Mapping
from typing import Any

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.literals import typed_key, typed_literal
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def fill_nulls(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Put a value where a column is null.

    Raises:
        StepRefused: A column is not there, or its type has no such value.
    """
    types = frame.types()
    filled: dict[str, str] = {}
    for asked, value in config.items():
        name = frame.find(asked, where=context.where)
        filled[name] = f"coalesce({quoted(name)}, {_literal(value, name, types, context)})"
    return with_values(frame, filled)


def replace_values(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Replace values of columns by others, or by null; all others stay.

    Raises:
        StepRefused: A column is not there, or its type has no such value.
    """
    types = frame.types()
    replaced: dict[str, str] = {}
    for asked, replacement in config.items():
        name = frame.find(asked, where=context.where)
        kind = types[name]
        cases = []
        for old, new in (replacement.get("values") or {}).items():
            try:
                key = typed_key(old, kind)
            except ValueError as error:
                raise StepRefused(f"{context.where}: column '{name}': {error}") from error
            cases.append(f"WHEN {quoted(name)} = {key} THEN {_literal(new, name, types, context)}")
        for old in replacement.get("to_null") or ():
            key = _literal(old, name, types, context)
            cases.append(f"WHEN {quoted(name)} = {key} THEN CAST(NULL AS {kind})")
        replaced[name] = f"CASE {' '.join(cases)} ELSE {quoted(name)} END"
    return with_values(frame, replaced)


def with_values(frame: Frame, values: Mapping[str, str]) -> Frame:
    """Return the frame with columns computed anew, by SQL: those it has stay in their places, others follow."""
    changed = [
        f"{values[name]} AS {quoted(name)}" if name in values else quoted(name) for name in frame.columns
    ]
    added = {name: value for name, value in values.items() if name not in frame.columns}
    df = frame.df.selectExpr(*changed, *(f"{value} AS {quoted(name)}" for name, value in added.items()))
    return Frame(df, (*frame.columns, *added))


def _literal(value: object, name: str, types: Mapping[str, str], context: StepContext) -> str:
    try:
        return typed_literal(value, types[name])
    except ValueError as error:
        raise StepRefused(f"{context.where}: column '{name}': {error}; cast the column before") from error
