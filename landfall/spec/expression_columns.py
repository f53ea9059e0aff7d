"""Holds an expression against the frame it works on: are its columns there, may it aggregate?"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import Frame, type_of_expression
from landfall.spec.sql_text import DIALECT, SqlProblem, line_of


def unknown_columns(tree: exp.Expr, frame: Frame | None) -> Iterator[SqlProblem]:
    """Yield a problem for each column that the frame does not hold; none where the frame is not known."""
    if frame is None:
        return
    seen: set[str] = set()
    for column in tree.find_all(exp.Column):
        names = [part.name for part in column.parts]
        # `a.b` is field b of column a here: frames of steps have no names in front.
        if isinstance(column.this, exp.Star) or names[0] in frame or names[0] in seen:
            continue
        seen.add(names[0])
        yield unknown_column(column, names, frame)


def unknown_column(column: exp.Expr, names: list[str], frame: Frame) -> SqlProblem:
    line = line_of(column)
    if len(names) > 1 and names[-1] in frame:
        message = f"unknown column '{'.'.join(names)}'"
        return SqlProblem("LF1051", message, f"columns have no name in front here: write {names[-1]}", line)
    return SqlProblem("LF1051", f"unknown column '{names[0]}'", nearest_remedy(names[0], frame), line)


def compared_maps(tree: exp.Expr, frame: Frame | None) -> Iterator[SqlProblem]:
    """Yield a problem for each aggregate that would compare maps, which no engine does."""
    for node in tree.find_all(exp.Min, exp.Max, exp.ArrayUniqueAgg):
        kind = type_of_expression(node.this, frame)
        if kind is not None and "map<" in kind:
            message = f"{node.sql(DIALECT)[:60]} is of {kind}, and maps cannot be compared"
            yield SqlProblem("LF1030", message, "use map_entries(…), or one of its values", line_of(node))


def misplaced_aggregates(tree: exp.Expr, where: str) -> Iterator[SqlProblem]:
    """Yield a problem for the first aggregate or window function of an expression that works row by row."""
    for node in tree.find_all(exp.AggFunc):
        if node.find_ancestor(exp.Window) is None:
            name = node.sql_name().lower()
            message = f"{where} works row by row and cannot hold the aggregate {name}(…)"
            yield SqlProblem(
                "LF1054", message, "use an aggregate step, or add over (partition by …)", line_of(node)
            )
            return


def misplaced_windows(tree: exp.Expr, where: str) -> Iterator[SqlProblem]:
    """Yield a problem for the first window function of a condition."""
    window = tree.find(exp.Window)
    if window is not None:
        message = f"{where} cannot hold a window function"
        yield SqlProblem(
            "LF1054", message, "derive it as a column first, then filter on that", line_of(window)
        )


def ungrouped_columns(tree: exp.Expr, by: Sequence[str]) -> Iterator[SqlProblem]:
    """Yield a problem for each column that a measure reads outside of an aggregate and that is not grouped by."""
    # A function the parser does not know may be an aggregate, so nothing can be said beside one.
    if tree.find(exp.Anonymous) is not None:
        return
    grouped = {name.casefold() for name in by}
    for column in tree.find_all(exp.Column):
        if column.find_ancestor(exp.AggFunc, exp.Filter, exp.WithinGroup, exp.Any) is not None:
            continue
        if column.parts[0].name.casefold() not in grouped:
            message = f"column '{column.parts[0].name}' is neither aggregated nor in by:"
            yield SqlProblem("LF1054", message, "wrap it, as in max(…), or add it to by:", line_of(column))
            return
