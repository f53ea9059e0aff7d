"""What steps that change values do to the columns of a frame: every row stays, and stays one row."""

from collections.abc import Mapping, Sequence
from typing import Any

from landfall.spec.frames import ColumnType, Frame
from landfall.spec.literals import key_problem, literal_problem
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path, Report, add_columns, check_columns, check_named_once


def fill_nulls(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_named_once(config, report)
    for name, value in config.items():
        check_columns([name], frame, (name,), report)
        check_literal(value, name, frame, (name,), report)
    return frame


def replace_values(
    config: Mapping[str, Mapping[str, Any]], frame: Frame | None, report: Report
) -> Frame | None:
    check_named_once(config, report)
    for name, replacement in config.items():
        check_columns([name], frame, (name,), report)
        for old, new in (replacement.get("values") or {}).items():
            check_key(old, name, frame, (name, "values", old), report)
            check_literal(new, name, frame, (name, "values", old), report)
        for index, old in enumerate(replacement.get("to_null") or ()):
            check_literal(old, name, frame, (name, "to_null", index), report)
    return frame


def check_literal(value: object, column: str, frame: Frame | None, path: Path, report: Report) -> None:
    """Report a value that a column cannot hold because of its type, where that is known."""
    problem = literal_problem(value, frame.type_of(column) if frame is not None else None)
    if problem is not None:
        report(path, _unfit(column, problem))


def check_key(text: str, column: str, frame: Frame | None, path: Path, report: Report) -> None:
    """Report a key of a mapping, which is always text, that stands for no value of a column."""
    problem = key_problem(text, frame.type_of(column) if frame is not None else None)
    if problem is not None:
        report(path, _unfit(column, problem))


def _unfit(column: str, problem: str) -> SqlProblem:
    return SqlProblem(
        "LF1030", f"column '{column}': {problem}", "write a value of that type, or cast the column before"
    )


def split(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_columns([config["column"]], frame, ("column",), report)
    _check_text(config["column"], frame, ("column",), report)
    return _with_new(frame, dict.fromkeys(config["into"], "string"), config["into"], ("into",), report)


def standardise(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    for index, name in enumerate(config["columns"]):
        check_columns([name], frame, ("columns", index), report)
        _check_text(name, frame, ("columns", index), report)
    return frame


def surrogate_key(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    check_key_columns(config["columns"], frame, ("columns",), report)
    return _with_new(frame, {config["name"]: "string"}, [config["name"]], ("name",), report)


def mask(config: Mapping[str, str], frame: Frame | None, report: Report) -> Frame | None:
    masked: dict[str, ColumnType] = {}
    check_named_once(config, report)
    for name, data_class in config.items():
        check_columns([name], frame, (name,), report)
        if data_class == "hash":
            check_key_columns([name], frame, (name,), report)
            masked[name] = "string"
        elif data_class != "birth_date":
            _check_text(name, frame, (name,), report)
        elif frame is not None and frame.type_of(name) not in (None, "date"):
            message = f"column '{name}' is {frame.type_of(name)}, not date"
            report((name,), SqlProblem("LF1030", message, "cast it to date before"))
    return frame.with_columns({k: v for k, v in masked.items() if k in frame}) if frame is not None else None


def check_key_columns(names: Sequence[str], frame: Frame | None, path: Path, report: Report) -> None:
    """Report columns that are not there, or whose values engines write as text in different ways."""
    check_columns(names, frame, path, report)
    for name in names:
        kind = frame.type_of(name) if frame is not None else None
        if kind is not None and (kind in ("float", "double") or "<" in kind):
            message = (
                f"column '{name}' of type {kind} cannot be part of a key: engines write its text differently"
            )
            report(path, SqlProblem("LF1030", message, "cast it to decimal(p,s), or take its parts"))


def _check_text(name: str, frame: Frame | None, path: Path, report: Report) -> None:
    kind = frame.type_of(name) if frame is not None else None
    if kind not in (None, "string"):
        report(path, SqlProblem("LF1030", f"column '{name}' is {kind}, not text", "cast it to string before"))


def _with_new(
    frame: Frame | None, new: Mapping[str, ColumnType], names: Sequence[str], path: Path, report: Report
) -> Frame | None:
    columns: dict[str, ColumnType] = dict(frame.types) if frame is not None else {}
    for name in names:
        add_columns(columns, {name: new[name]}, path, report)
    return Frame(columns, frame.has_load_columns) if frame is not None else None
