"""Where the columns of a SQL query come from, read from its text with the columns of what it reads."""

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, build_scope, walk_in_scope

from landfall.lineage.traces import NOTHING, Origins, Trace
from landfall.spec.sql_text import DIALECT

# Clauses that decide which rows a query has; what they name adds to no value.
_OF_ROWS = ("where", "group", "having", "distinct")


def query_trace(tree: exp.Expr, views: Mapping[str, Trace]) -> Trace:
    """Return the trace of what a query yields; of everything it reads where the text cannot be resolved.

    Args:
        tree: A query; it is not changed.
        views: Traces by the names that the query may read.
    """
    # Spark finds names without regard to case, the scopes do not.
    tree = normalize_identifiers(tree.copy(), dialect=DIALECT)
    by_name = {name.casefold(): trace for name, trace in views.items()}
    try:
        root = build_scope(tree)
    except OptimizeError:
        root = None
    if root is None:
        return Trace({}, NOTHING.union(*(trace.everything() for trace in views.values())))
    return _QueryTracer(by_name).trace(root)


class _QueryTracer:
    def __init__(self, views: Mapping[str, Trace]) -> None:
        self._views = views
        self._traces: dict[int, Trace] = {}

    def trace(self, scope: Scope) -> Trace:
        """Return what one scope yields, its own sources first."""
        found = self._traces.get(id(scope))
        if found is None:
            # A scope that leads back to itself is traced as nothing: recursion is not allowed in products.
            self._traces[id(scope)] = Trace({})
            found = self._traces[id(scope)] = self._read(scope)
        return found

    def _read(self, scope: Scope) -> Trace:
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            return self._set_operation(expression, scope)
        if isinstance(expression, exp.Select):
            return _Select(self, expression, scope).trace()
        inner = [*scope.derived_table_scopes, *scope.subquery_scopes]
        return self.trace(inner[0]) if inner else Trace({})

    def _set_operation(self, operation: exp.SetOperation, scope: Scope) -> Trace:
        left, right = (self.trace(side) for side in scope.set_operation_scopes[:2])
        if not isinstance(operation, exp.Union):
            return left.by_rows(right.everything() | left.everything())
        pairs = zip(left.columns, [*right.columns.values(), *[NOTHING] * len(left.columns)], strict=False)
        columns = {name: left.columns[name] | other for name, other in pairs}
        rows = left.rows | right.rows
        if operation.args.get("distinct"):
            rows = rows.union(*columns.values())
        return Trace(columns, rows)

    def source_trace(self, node: exp.Expr, source: exp.Expr | Scope) -> Trace:
        """Return the trace of one entry of a FROM clause, under the column names that its alias gives."""
        if isinstance(source, Scope):
            # The names in `(SELECT …) AS t (a, b)` and `WITH t (a, b) AS …` stand around the query.
            return _renamed(_renamed(self.trace(source), source.expression.parent), node)
        return _renamed(self._views.get(source.name.casefold(), Trace({})), node)


class _Select:
    """One SELECT: what its names stand for, and what each of its parts adds."""

    def __init__(self, tracer: _QueryTracer, select: exp.Select, scope: Scope) -> None:
        self._tracer = tracer
        self._select = select
        self._scope = scope
        self._sources = self._own_sources()
        self._inner = {
            id(inner.expression): inner
            for inner in (*scope.subquery_scopes, *scope.derived_table_scopes, *scope.udtf_scopes)
        }

    def trace(self) -> Trace:
        columns: dict[str, Origins] = {}
        for projection in self._select.expressions:
            if projection.is_star:
                columns.update(self._expanded(projection))
            elif isinstance(projection, exp.Aliases):
                origins = self._values(projection.this)
                columns.update({name.name: origins for name in projection.aliases})
            else:
                columns[projection.output_name or projection.sql(DIALECT)] = self._values(projection)
        return Trace(columns, self._rows(columns))

    def _own_sources(self) -> dict[str, Trace]:
        sources: dict[str, Trace] = {}
        laterals = {lateral.alias: lateral for lateral in self._select.args.get("laterals") or ()}
        for name, (node, source) in self._scope.selected_sources.items():
            if name not in laterals:
                sources[name] = self._tracer.source_trace(node, source)
        # The other side of a semi or anti join is read, but is no source of columns for the scope.
        for join in self._select.args.get("joins") or ():
            if isinstance(join.this, exp.Table) and join.alias_or_name not in sources:
                source = self._scope.sources.get(join.this.name, join.this)
                sources[join.alias_or_name] = self._tracer.source_trace(join.this, source)
        self._sources = sources
        for name, lateral in laterals.items():
            origins = self._values(lateral.this)
            sources[name] = Trace(dict.fromkeys(lateral.alias_column_names, origins))
        return sources

    def _rows(self, columns: Mapping[str, Origins]) -> Origins:
        rows = NOTHING.union(*(source.rows for source in self._sources.values()))
        for clause in _OF_ROWS:
            node = self._select.args.get(clause)
            if isinstance(node, exp.Distinct):
                rows = rows.union(*columns.values())
            elif isinstance(node, exp.Expr):
                rows |= self._values(node) | self._yielded(node, columns)
        for join in self._select.args.get("joins") or ():
            on = join.args.get("on")
            rows |= self._values(on) if on is not None else NOTHING
            for name in join.args.get("using") or ():
                rows = rows.union(*(source.origins(name.name) for source in self._named(name.name)))
        if self._select.args.get("limit") is not None and self._select.args.get("order") is not None:
            order = self._select.args["order"]
            rows |= self._values(order) | self._yielded(order, columns)
        return rows

    def _values(self, node: exp.Expr) -> Origins:
        """Return what the columns and queries within an expression are made of."""
        origins = NOTHING
        for part in walk_in_scope(node):
            if isinstance(part, exp.Column):
                origins |= self._resolve(part)
            elif isinstance(part, exp.Query) and id(part) in self._inner:
                inner = self._tracer.trace(self._inner[id(part)])
                origins |= inner.everything() | self._outer_columns(part)
        return origins

    def _outer_columns(self, query: exp.Expr) -> Origins:
        """Return what a correlated query takes from this one, by the name in front of its columns."""
        return NOTHING.union(
            *(
                self._sources[column.table].origins(column.name)
                for column in query.find_all(exp.Column)
                if column.table in self._sources
            )
        )

    def _yielded(self, node: exp.Expr, columns: Mapping[str, Origins]) -> Origins:
        """Return the origins of results that a clause names by their alias, or by their position."""
        origins = NOTHING
        for part in walk_in_scope(node):
            if isinstance(part, exp.Column) and not part.table and part.name in columns:
                origins |= columns[part.name]
        for entry in node.expressions if isinstance(node, (exp.Group, exp.Order)) else ():
            part = entry.this if isinstance(entry, exp.Ordered) else entry
            if isinstance(part, exp.Literal) and part.is_int and 0 < int(part.this) <= len(columns):
                origins |= list(columns.values())[int(part.this) - 1]
        return origins

    def _resolve(self, column: exp.Column) -> Origins:
        parts = [part.name for part in column.parts]
        if len(parts) > 1 and parts[0] in self._sources:
            return self._sources[parts[0]].origins(parts[1])
        # Without a source in front, `a.b` is field b of column a.
        return NOTHING.union(*(source.origins(parts[0]) for source in self._named(parts[0])))

    def _named(self, name: str) -> list[Trace]:
        """Return the sources that have a column; those that might have it where none surely does."""
        having = [source for source in self._sources.values() if source.has(name)]
        return having or [source for source in self._sources.values() if source.rest is not None]

    def _expanded(self, star: exp.Expr) -> dict[str, Origins]:
        table = star.table if isinstance(star, exp.Column) else ""
        columns: dict[str, Origins] = {}
        for name, source in self._visible():
            if not table or name == table:
                for column, origins in source.columns.items():
                    columns[column] = columns.get(column, NOTHING) | origins
        return columns

    def _visible(self) -> Iterator[tuple[str, Trace]]:
        hidden = {
            join.alias_or_name
            for join in self._select.args.get("joins") or ()
            if {"SEMI", "ANTI"} & {str(join.kind).upper(), str(join.side).upper()}
        }
        return ((name, source) for name, source in self._sources.items() if name not in hidden)


def _renamed(trace: Trace, node: exp.Expr | None) -> Trace:
    """Return the trace under the column names of a table alias, as in ``t (a, b)``."""
    alias = node.args.get("alias") if node is not None else None
    names = [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if not names:
        return trace
    return Trace(dict(zip(names, trace.columns.values(), strict=False)), trace.rows)
