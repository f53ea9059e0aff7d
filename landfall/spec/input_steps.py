"""What steps that look at other inputs do to the columns of a frame: look-ups, conditions of joins, sets of rows."""

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from landfall.spec.column_types import are_compared
from landfall.spec.expression_columns import misplaced_aggregates, misplaced_windows
from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import Frame
from landfall.spec.literals import literal_problem
from landfall.spec.sql_text import SqlProblem, line_of, read_expression
from landfall.spec.step_checks import Frames, Path, Report, check_comparable, check_same_columns, other_input


def check_defaults(config: Mapping[str, Any], right: Frame | None, report: Report) -> None:
    """Report the defaults of a look-up that belong to no column it brings, or that its type does not have."""
    columns = config["columns"]
    named = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    for name, value in (config.get("defaults") or {}).items():
        path: Path = ("defaults", name)
        if name not in named:
            report(path, SqlProblem("LF1051", f"'{name}' is not brought", nearest_remedy(name, named)))
            continue
        problem = literal_problem(value, right.type_of(named[name]) if right is not None else None)
        if problem is not None:
            report(path, SqlProblem("LF1030", problem, "write a value of that type"))


def check_key_types(pairs: Mapping[str, str], frame: Frame, right: Frame, report: Report) -> None:
    """Report the pairs of key columns that Spark does not compare; Sail takes days of a date for a number."""
    for mine, theirs in pairs.items():
        own, other = frame.type_of(mine), right.type_of(theirs)
        if own is not None and other is not None and not are_compared(own, other):
            message = f"column '{mine}' is {own} and '{theirs}' of the other input is {other}"
            report(("on",), SqlProblem("LF1030", message, "cast one of them in a step before"))


def check_join_condition(
    text: str, frame: Frame | None, right: Frame | None, name: str, path: Path, report: Report
) -> None:
    """Report what is wrong in the condition of a join.

    Args:
        text: SQL condition; columns of the other input have its name in front, bare names are of the running frame.
        frame: The running frame, ``None`` if not known.
        right: The other input, ``None`` if not known.
        name: Name of the other input.
        path: Where the condition stands.
        report: Takes what is wrong.
    """
    parsed = read_expression(text)
    for problem in parsed.problems:
        report(path, problem)
    if parsed.tree is None:
        return
    where = "a join condition"
    for problem in (*misplaced_aggregates(parsed.tree, where), *misplaced_windows(parsed.tree, where)):
        report(path, problem)
    if frame is not None and name in frame:
        message = f"'{name}' is a column and the input to join, so '{name}.x' could mean either"
        report(path, SqlProblem("LF1056", message, "rename the column before"))
        return
    for column in parsed.tree.find_all(exp.Column):
        parts = [part.name for part in column.parts]
        side, wanted = (right, parts[1]) if parts[0] == name and len(parts) > 1 else (frame, parts[0])
        if side is None or wanted in side:
            continue
        remedy = nearest_remedy(wanted, side)
        if side is frame and right is not None and wanted in right:
            remedy = f"write {name}.{wanted} for the column of '{name}'"
        report(path, SqlProblem("LF1051", f"unknown column '{'.'.join(parts)}'", remedy, line_of(column)))


def check_set_operation(
    config: Mapping[str, Any], frame: Frame | None, inputs: Frames, report: Report
) -> Frame | None:
    """Return the frame after ``intersect`` or ``except``: its own columns, which the other inputs must have too."""
    for index, name in enumerate(config["with"]):
        path: Path = ("with", index)
        other, _ = other_input(name, path, inputs, report)
        if frame is not None and other is not None:
            check_same_columns(frame, other, name, path, report, may_miss=False)
    check_comparable(frame, report)
    return Frame(frame.types) if frame is not None else None
