"""The columns of a query: which ones it reads, whether they exist, and which ones it yields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope

from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import ColumnType, Frame, type_of_expression
from landfall.spec.grouped_queries import grouping_problems
from landfall.spec.sql_text import DIALECT, SqlProblem, line_of

Report = Callable[[SqlProblem], None]
# Functions of a SELECT list that yield several columns at once, under names of their own.
_TABLE_GENERATORS = (exp.Inline, exp.Posexplode, exp.Stack)


def query_frame(tree: exp.Expr, views: Mapping[str, Frame | None], report: Report) -> Frame | None:
    """Return the columns that a query yields, ``None`` if they cannot be told.

    Args:
        tree: A query; it is not changed.
        views: Frames by the names that the query may read; ``None`` where the columns are not known.
        report: Takes unknown tables, unknown and ambiguous columns, and results without a name.
    """
    _check_table_case(tree, views, report)
    # Spark finds names without regard to case, the scopes do not.
    tree = normalize_identifiers(tree.copy(), dialect=DIALECT)
    reader = _QueryReader({name.casefold(): frame for name, frame in views.items()}, report)
    try:
        scopes = traverse_scope(tree)
        for scope in scopes:
            reader.read(scope)
    except OptimizeError as error:
        report(
            SqlProblem("LF1050", f"the query cannot be resolved: {error}", "give each table its own alias")
        )
        return None
    return reader.result(scopes[-1]) if scopes else None


def _check_table_case(tree: exp.Expr, views: Mapping[str, Frame | None], report: Report) -> None:
    """Report tables written in another case than they are defined in, which one of the engines does not find."""
    known = {*views, *(cte.alias for cte in tree.find_all(exp.CTE))}
    spellings = {name.casefold(): name for name in known}
    for table in tree.find_all(exp.Table):
        name = table.name
        if not isinstance(table.this, exp.Func) and name not in known and name.casefold() in spellings:
            message = f"table '{name}' differs in case from '{spellings[name.casefold()]}'"
            remedy = f"write {spellings[name.casefold()]}: not every engine finds it otherwise"
            report(SqlProblem("LF1053", message, remedy, line_of(table)))


@dataclass(frozen=True, slots=True)
class _Source:
    """What one name of a FROM clause stands for; ``frame`` is ``None`` where its columns are not known."""

    name: str
    frame: Frame | None
    is_visible: bool = True


class _QueryReader:
    def __init__(self, views: Mapping[str, Frame | None], report: Report) -> None:
        self._views = views
        self._report = report
        self._frames: dict[int, Frame | None] = {}
        self._sources: dict[int, list[_Source]] = {}

    def read(self, scope: Scope) -> None:
        """Check one scope whose own sources were read before, and keep what it yields."""
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            self._frames[id(scope)] = self._set_operation(scope)
            return
        if not isinstance(expression, exp.Select):
            self._frames[id(scope)] = None
            return
        self._sources[id(scope)] = sources = self._sources_of(scope)
        self._check_columns(scope, sources)
        for problem in grouping_problems(expression):
            self._report(problem)
        self._frames[id(scope)] = self._yielded(expression, sources)

    def result(self, scope: Scope) -> Frame | None:
        """Return what the whole query yields, after a check that each column has a name of its own."""
        selects = scope.expression.find(exp.Select)
        for projection in selects.expressions if selects is not None else ():
            is_expanded = isinstance(projection, (exp.Aliases, *_TABLE_GENERATORS)) or projection.is_star
            if not is_expanded and not projection.output_name:
                text = projection.sql(DIALECT)[:60]
                self._report(
                    SqlProblem(
                        "LF1055", f"'{text}' has no name", "add one behind it: as name", line_of(projection)
                    )
                )
        return self._frames.get(id(scope))

    def _set_operation(self, scope: Scope) -> Frame | None:
        left, right = (self._frames.get(id(side)) for side in scope.set_operation_scopes[:2])
        if left is not None and right is not None and len(left.types) != len(right.types):
            message = f"the sides of the set operation have {len(left.types)} and {len(right.types)} columns"
            self._report(SqlProblem("LF1052", message, "select the same columns on both sides"))
        return left

    def _sources_of(self, scope: Scope) -> list[_Source]:
        laterals = {lateral.alias: lateral for lateral in scope.expression.args.get("laterals") or ()}
        sources = []
        for name, (node, source) in scope.selected_sources.items():
            if name in laterals:
                continue
            sources.append(_Source(name, _renamed(self._frame_of(source), node)))
        for alias, lateral in laterals.items():
            names = lateral.alias_column_names
            sources.append(_Source(alias, Frame(dict.fromkeys(names)) if names else None))
        sources.extend(
            _Source(join.alias_or_name, self._frame_of_join(join.this, scope), is_visible=False)
            for join in scope.expression.args.get("joins") or ()
            if "SEMI" in (join.kind, join.side) or "ANTI" in (join.kind, join.side)
        )
        return sources

    def _frame_of_join(self, node: exp.Expr, scope: Scope) -> Frame | None:
        """Return the right side of a semi or anti join, which the scope does not count among its sources."""
        if not isinstance(node, exp.Table):
            return None
        source = scope.sources.get(node.name)
        return _renamed(self._frame_of(source if isinstance(source, Scope) else node), node)

    def _frame_of(self, source: exp.Table | Scope) -> Frame | None:
        if isinstance(source, exp.Table):
            return self._frame_of_table(source)
        # The names in `(SELECT …) AS t (a, b)` and `WITH t (a, b) AS …` stand around the query.
        return _renamed(self._frames.get(id(source)), source.expression.parent)

    def _frame_of_table(self, table: exp.Table) -> Frame | None:
        if isinstance(table.this, exp.Func):
            return Frame({"id": "bigint"}) if table.this.name.lower() == "range" else None
        name = table.name.casefold()
        if name not in self._views:
            remedy = nearest_remedy(name, self._views, f"add '{table.name}' to inputs:")
            message = f"'{table.name}' is not an input of this transformation"
            self._report(SqlProblem("LF1042", message, remedy, line_of(table)))
            return None
        return self._views[name]

    def _check_columns(self, scope: Scope, sources: list[_Source]) -> None:
        select = scope.expression
        assert isinstance(select, exp.Select)  # noqa: S101  read() sends no others
        aliases = {item.alias.casefold() for item in select.expressions if isinstance(item, exp.Alias)}
        merged = _using_columns(select)
        seen: set[tuple[str, ...]] = set()
        for column, may_be_alias in _own_columns(select):
            names = tuple(part.name for part in column.parts)
            if isinstance(column.this, exp.Star):
                if merged:
                    message = f"'{column.sql(DIALECT)}' beside USING means other columns on every engine"
                    self._report(SqlProblem("LF1053", message, "list the columns", line_of(column)))
                continue
            if names in seen:
                continue
            if may_be_alias and names[0].casefold() in aliases:
                continue
            seen.add(names)
            problem = self._problem_of(column, names, scope, sources, merged, aliases)
            if problem is not None:
                self._report(problem)

    def _problem_of(
        self,
        column: exp.Column,
        names: tuple[str, ...],
        scope: Scope,
        sources: list[_Source],
        merged: set[str],
        aliases: set[str],
    ) -> SqlProblem | None:
        line = line_of(column)
        reachable = [*sources, *self._outer_sources(scope)]
        if len(names) > 1:
            qualifier = next(
                (source for source in reachable if source.name.casefold() == names[0].casefold()), None
            )
            if qualifier is not None:
                if names[1].casefold() in merged:
                    message = f"column '{names[1]}' is joined by USING, so it belongs to no table"
                    return SqlProblem("LF1053", message, f"write {names[1]} without '{names[0]}.'", line)
                if qualifier.frame is None or names[1] in qualifier.frame:
                    return None
                remedy = nearest_remedy(names[1], qualifier.frame)
                return SqlProblem("LF1051", f"unknown column '{names[0]}.{names[1]}'", remedy, line)
        name = names[0]
        holders = [
            source.name or "a table without a name"
            for source in sources
            if source.is_visible and source.frame is not None and name in source.frame.types
        ]
        if len(holders) > 1 and name.casefold() not in merged:
            remedy = f"write {holders[0]}.{name} or {holders[1]}.{name}"
            return SqlProblem("LF1056", f"column '{name}' is in {' and '.join(holders)}", remedy, line)
        if any(source.frame is None or name in source.frame for source in reachable):
            return None
        if name.casefold() in aliases:
            remedy = "repeat the expression, or select it in an inner query first"
            return SqlProblem(
                "LF1053", f"'{name}' is named in the same SELECT, which not every engine sees", remedy, line
            )
        known = dict.fromkeys(
            column for source in reachable if source.frame is not None for column in source.frame
        )
        return SqlProblem(
            "LF1051", f"unknown column '{'.'.join(names)}'", nearest_remedy(names[-1], known), line
        )

    def _outer_sources(self, scope: Scope) -> list[_Source]:
        """Return the sources of the queries around a correlated one."""
        outer: list[_Source] = []
        while scope.parent is not None and (scope.is_subquery or scope.is_udtf or scope.is_derived_table):
            scope = scope.parent
            if isinstance(scope.expression, exp.Select):
                outer.extend(self._sources.get(id(scope)) or self._quiet_sources(scope))
        return outer

    def _quiet_sources(self, scope: Scope) -> list[_Source]:
        """Return the sources of a scope that is read later, which then reports what is wrong with them."""
        return _QueryReader._with(self._views, self._frames)._sources_of(scope)

    @classmethod
    def _with(cls, views: Mapping[str, Frame | None], frames: dict[int, Frame | None]) -> "_QueryReader":
        reader = cls(views, _ignore)
        reader._frames = frames
        return reader

    def _yielded(self, select: exp.Select, sources: list[_Source]) -> Frame | None:
        columns: dict[str, ColumnType] = {}
        single = sources[0].frame if len(sources) == 1 else None
        for projection in select.expressions:
            if projection.is_star:
                expanded = _expanded(projection, sources, select)
                if expanded is None:
                    return None
                columns.update(expanded)
            elif isinstance(projection, exp.Aliases):
                columns.update(dict.fromkeys([name.name for name in projection.aliases]))
            elif isinstance(projection, _TABLE_GENERATORS):
                return None
            else:
                name = projection.output_name or projection.sql(DIALECT)
                columns[name] = type_of_expression(projection, single)
        return Frame(columns)


def _ignore(problem: SqlProblem) -> None:
    """Take a problem that is reported elsewhere."""


def _renamed(frame: Frame | None, node: exp.Expr | None) -> Frame | None:
    """Return the frame under the column names of a table alias, as in ``t (a, b)``."""
    alias = node.args.get("alias") if node is not None else None
    names = [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if not names:
        return frame
    types = list(frame.types.values()) if frame is not None else [None] * len(names)
    return Frame(dict(zip(names, types, strict=False)))


def _own_columns(select: exp.Select) -> Iterator[tuple[exp.Column, bool]]:
    """Yield the columns of a query but not of those inside it, each with whether it may name a result."""
    for key, value in select.args.items():
        if key in ("with_", "with"):
            continue
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if not isinstance(part, exp.Expr):
                continue
            if isinstance(part, (exp.Subquery, exp.Query)):
                continue
            for node in walk_in_scope(part):
                if isinstance(node, exp.Column):
                    yield node, key in ("group", "having", "order")


def _using_columns(select: exp.Select) -> set[str]:
    joins = select.args.get("joins") or ()
    return {item.name.casefold() for join in joins for item in join.args.get("using") or ()}


def _expanded(star: exp.Expr, sources: list[_Source], select: exp.Select) -> dict[str, ColumnType] | None:
    """Return the columns that ``*`` or ``t.*`` stands for, ``None`` if they cannot be told."""
    if any(join.method == "NATURAL" for join in select.args.get("joins") or ()):
        return None
    table = star.table if isinstance(star, exp.Column) else ""
    merged = _using_columns(select)
    columns: dict[str, ColumnType] = {}
    joined: dict[str, ColumnType] = {}
    for source in sources:
        if (table and source.name.casefold() != table.casefold()) or not source.is_visible:
            continue
        if source.frame is None or source.frame.has_load_columns:
            return None
        for name in source.frame:
            into = joined if name.casefold() in merged else columns
            into.setdefault(name, source.frame.type_of(name))
    # What USING joins comes once, and first.
    return {**joined, **columns}
