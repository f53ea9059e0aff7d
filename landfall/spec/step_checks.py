"""What the checks of steps share: is a column there, is an expression sound, is a name still free?"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlglot import exp

from landfall.spec.expression_columns import (
    compared_maps,
    misplaced_aggregates,
    misplaced_windows,
    unknown_columns,
)
from landfall.spec.faults import nearest_remedy
from landfall.spec.fields import COLUMN_PATTERN
from landfall.spec.frames import ColumnType, Frame, type_of_expression
from landfall.spec.sql_text import SqlProblem, read_expression

Path = tuple[str | int, ...]
# Called with the place of a problem within the step's configuration.
Report = Callable[[Path, SqlProblem], None]
Frames = Mapping[str, Frame | None]

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_SORT_ENTRY = re.compile(
    r"\s*`?([A-Za-z_][A-Za-z0-9_]*)`?(?:\s+(?:asc|desc))?(?:\s+nulls\s+(?:first|last))?\s*", re.IGNORECASE
)


def check_sort_entries(entries: Sequence[str], frame: Frame | None, path: Path, report: Report) -> None:
    """Report the entries of ``sort`` or ``order_by`` that are not a column with or without a direction."""
    for index, entry in enumerate(entries):
        match = _SORT_ENTRY.fullmatch(entry)
        if match is None:
            remedy = "write a column, with asc or desc behind it; derive an expression as a column first"
            report(
                (*path, index), SqlProblem("LF1050", f"'{entry}' is not a column with a direction", remedy)
            )
        else:
            check_columns([match[1]], frame, (*path, index), report)


def sorted_columns(entries: Iterable[str]) -> list[str]:
    """Return the columns that entries of ``sort`` or ``order_by`` name."""
    matches = (_SORT_ENTRY.fullmatch(entry) for entry in entries)
    return [match[1] for match in matches if match is not None]


def check_columns(names: Iterable[str], frame: Frame | None, path: Path, report: Report) -> None:
    """Report the names that the frame does not hold."""
    for name in names:
        if frame is not None and name not in frame:
            report(path, SqlProblem("LF1051", f"unknown column '{name}'", nearest_remedy(name, frame)))


def check_comparable(frame: Frame | None, report: Report) -> None:
    """Report the columns by which whole rows cannot be compared or put into an order."""
    if frame is not None:
        check_comparable_columns(frame, frame, (), report)


def check_comparable_columns(names: Iterable[str], frame: Frame | None, path: Path, report: Report) -> None:
    """Report the columns among these by which rows cannot be grouped, compared or put into an order."""
    for name in names:
        kind = frame.type_of(name) if frame is not None else None
        if kind is not None and "map<" in kind:
            message = f"column '{name}' is {kind}, and maps cannot be compared"
            report(path, SqlProblem("LF1030", message, "drop it before, or turn it into map_entries(…)"))


def check_named_once(names: Iterable[str], report: Report) -> None:
    """Report keys of a step that are one column, since upper and lower case do not differ."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            message = f"'{first}' and '{name}' are one column (upper and lower case do not differ)"
            report((name,), SqlProblem("LF1041", message, "keep one of the two"))


def check_expression(text: str, frame: Frame | None, path: Path, report: Report) -> exp.Expr | None:
    """Report what is wrong in an expression; return its tree if it can be read."""
    parsed = read_expression(text)
    for problem in parsed.problems:
        report(path, problem)
    if parsed.tree is not None:
        for problem in (*unknown_columns(parsed.tree, frame), *compared_maps(parsed.tree, frame)):
            report(path, problem)
    return parsed.tree


def check_value(text: str, frame: Frame | None, path: Path, report: Report, where: str) -> exp.Expr | None:
    """Report what is wrong in an expression that has its name elsewhere or needs none."""
    tree = read_expression(text).tree
    if isinstance(tree, (exp.Alias, exp.Aliases)):
        message = f"{where} cannot name its result '{tree.output_name}', or SQL is wrong before that word"
        report(path, SqlProblem("LF1050", message, "correct the SQL text"))
        return None
    if isinstance(tree, exp.Star):
        report(path, SqlProblem("LF1050", f"{where} cannot be *", "write a column or an expression"))
        return None
    return check_expression(text, frame, path, report)


def check_condition(text: str, frame: Frame | None, path: Path, report: Report, where: str) -> None:
    """Report what is wrong in a condition, which is tested row by row and so neither sums up nor looks around."""
    tree = check_value(text, frame, path, report, where)
    if tree is not None:
        kind = type_of_expression(tree, frame)
        if kind is None and isinstance(tree.unnest(), _ARITHMETIC):
            kind = "a number"
        if kind not in (None, "boolean"):
            message = f"{where} is a condition, and this is {kind}"
            report(path, SqlProblem("LF1030", message, "compare it with something, as in x > 0"))
        for problem in (*misplaced_aggregates(tree, where), *misplaced_windows(tree, where)):
            report(path, problem)


def check_same_columns(
    frame: Frame, other: Frame, name: str, path: Path, report: Report, *, may_miss: bool = True
) -> None:
    """Report a column that only one of two frames has; ``may_miss`` says whether the step has ``allow_missing``."""
    remedy = "select the same columns on both sides" + (", or say allow_missing: true" if may_miss else "")
    for here, there, side in ((frame, other, f"'{name}' has no"), (other, frame, f"only '{name}' has a")):
        absent = [column for column in here if column not in there]
        if absent:
            report(path, SqlProblem("LF1052", f"{side} column '{absent[0]}'", remedy))


def other_input(name: str, path: Path, inputs: Frames, report: Report) -> tuple[Frame | None, bool]:
    """Return the frame of another input, and whether the transformation has that input at all."""
    if name in inputs:
        return inputs[name], True
    remedy = nearest_remedy(name, inputs, f"add '{name}' to inputs:")
    report(path, SqlProblem("LF1042", f"'{name}' is not an input of this transformation", remedy))
    return None, False


def add_columns(
    columns: dict[str, ColumnType], new: Mapping[str, ColumnType], path: Path, report: Report
) -> None:
    taken = {name.casefold() for name in columns}
    for name, kind in new.items():
        if name.casefold() in taken:
            message = f"column '{name}' would be there twice"
            report(path, SqlProblem("LF1052", message, "give one of the two another name"))
        taken.add(name.casefold())
        columns.setdefault(name, kind)


def check_new_name(name: str, path: Path, report: Report, *, is_new: bool) -> None:
    if is_new and not re.match(COLUMN_PATTERN, name):
        remedy = "use letters, digits and underscores, a letter first"
        report(path, SqlProblem("LF1022", f"'{name}' is not a column name", remedy))
