"""What steps that change values do to the columns of a frame: every row stays, and stays one row."""

from collections.abc import Mapping
from typing import Any

from landfall.spec.frames import Frame
from landfall.spec.literals import key_problem, literal_problem
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path, Report, check_columns


def fill_nulls(config: Mapping[str, Any], frame: Frame | None, report: Report) -> Frame | None:
    for name, value in config.items():
        check_columns([name], frame, (name,), report)
        check_literal(value, name, frame, (name,), report)
    return frame


def replace_values(
    config: Mapping[str, Mapping[str, Any]], frame: Frame | None, report: Report
) -> Frame | None:
    for name, replacement in config.items():
        check_columns([name], frame, (name,), report)
        kind = frame.type_of(name) if frame is not None else None
        for old, new in (replacement.get("values") or {}).items():
            problem = key_problem(old, kind)
            if problem is not None:
                report((name, "values", old), _unfit(name, problem))
            check_literal(new, name, frame, (name, "values", old), report)
        for index, old in enumerate(replacement.get("to_null") or ()):
            check_literal(old, name, frame, (name, "to_null", index), report)
    return frame


def check_literal(value: object, column: str, frame: Frame | None, path: Path, report: Report) -> None:
    """Report a value that a column cannot hold because of its type, where that is known."""
    problem = literal_problem(value, frame.type_of(column) if frame is not None else None)
    if problem is not None:
        report(path, _unfit(column, problem))


def _unfit(column: str, problem: str) -> SqlProblem:
    return SqlProblem(
        "LF1030", f"column '{column}': {problem}", "write a value of that type, or cast the column before"
    )
