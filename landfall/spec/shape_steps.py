"""What steps that turn columns into rows, or rows into columns, do to the columns of a frame."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from landfall.spec.column_types import parts_inside
from landfall.spec.expression_columns import misplaced_windows
from landfall.spec.frames import ColumnType, Frame, type_of_expression
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import (
    Path,
    Report,
    add_columns,
    check_columns,
    check_comparable_columns,
    check_new_name,
    check_value,
)
from landfall.spec.value_steps import check_literal


def explode(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    column = config["column"]
    check_columns([column], frame, ("column",), report)
    if frame is None:
        return None
    kind = frame.type_of(column)
    element = None if kind is None else _element_type(kind)
    if kind is not None and element is None:
        message = f"column '{column}' is {kind}, neither an array nor a map"
        report(("column",), SqlProblem("LF1030", message, "name an array or a map"))
    columns: dict[str, ColumnType] = {}
    for name, own in frame.types.items():
        if name.casefold() != column.casefold():
            add_columns(columns, {name: own}, (), report)
            continue
        if config.get("position") is not None:
            add_columns(columns, {config["position"]: "int"}, ("position",), report)
        add_columns(columns, {config.get("as") or name: element}, ("as",), report)
    return Frame(columns, frame.has_load_columns)


def flatten(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    column = config["column"]
    check_columns([column], frame, ("column",), report)
    kind = frame.type_of(column) if frame is not None else None
    if frame is None or kind is None:
        return None
    if not kind.startswith("struct<"):
        message = f"column '{column}' is {kind}, not a struct"
        report(("column",), SqlProblem("LF1030", message, "name a struct; explode an array or a map before"))
        return None
    columns: dict[str, ColumnType] = {}
    for name, own in frame.types.items():
        if name.casefold() != column.casefold():
            add_columns(columns, {name: own}, (), report)
            continue
        prefix = config.get("prefix", f"{name}_")
        for field, type_ in _fields(kind).items():
            add_columns(columns, {f"{prefix}{field}": type_}, ("prefix",), report)
    return Frame(columns, frame.has_load_columns)


def unpivot(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    asked = config["columns"]
    names: Sequence[str] = list(asked.values()) if isinstance(asked, Mapping) else asked
    check_columns(names, frame, ("columns",), report)
    if frame is None:
        return None
    types = {kind for kind in map(frame.type_of, names) if kind is not None}
    if len(types) > 1:
        message = f"the columns have different types: {', '.join(sorted(types))}"
        report(("columns",), SqlProblem("LF1030", message, "cast them to one type before"))
    columns = dict(frame.without(names).types)
    kind = frame.type_of(names[0])
    for key, new in (("name", "string"), ("value", kind)):
        add_columns(columns, {config[key]: new}, (key,), report)
    return Frame(columns, frame.has_load_columns)


def pivot(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    by, column, asked = config["by"], config["column"], config["values"]
    check_columns(by, frame, ("by",), report)
    check_comparable_columns(by, frame, ("by",), report)
    check_columns([column], frame, ("column",), report)
    values = dict(asked) if isinstance(asked, Mapping) else {str(value): value for value in asked}
    for name, value in values.items():
        path: Path = ("values", name) if isinstance(asked, Mapping) else ("values", list(values).index(name))
        check_new_name(name, path, report, is_new=True)
        check_literal(value, column, frame, path, report)
    types: dict[str, ColumnType] = {}
    for name, text in config["measures"].items():
        path = ("measures", name)
        tree = check_value(text, frame, path, report, "a measure")
        types[name] = type_of_expression(tree, frame) if tree is not None else None
        if tree is None:
            continue
        for problem in misplaced_windows(tree, "a measure"):
            report(path, problem)
        if not isinstance(tree, (exp.AggFunc, exp.Anonymous)):
            message = f"'{text.strip()[:60]}' is not one call of an aggregate function"
            remedy = "measure the parts, and derive from them in the next step"
            report(path, SqlProblem("LF1054", message, remedy))
    columns: dict[str, ColumnType] = {}
    for name in by:
        add_columns(columns, {name: frame.type_of(name) if frame is not None else None}, ("by",), report)
    for name in values:
        for measure, kind in types.items():
            new = name if len(types) == 1 else f"{name}_{measure}"
            add_columns(columns, {new: kind}, ("values",), report)
    return Frame(columns)


def _element_type(kind: str) -> str | None:
    """Return the type that one row has after an array or a map was exploded, ``None`` for other types."""
    if kind.startswith("array<"):
        return kind[len("array<") : -1]
    if not kind.startswith("map<"):
        return None
    key, value = parts_inside(kind[len("map<") : -1])
    return f"struct<key:{key},value:{value}>"


def _fields(kind: str) -> dict[str, str]:
    """Return the type of each field of a struct."""
    fields = (part.partition(":") for part in parts_inside(kind[len("struct<") : -1]))
    return {name: type_ for name, _, type_ in fields}
