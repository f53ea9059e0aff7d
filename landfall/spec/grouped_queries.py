"""Which columns of a query stand beside aggregates although the query does not group by them."""

from collections.abc import Iterator

from sqlglot import exp

from landfall.spec.sql_text import DIALECT, SqlProblem, line_of

# Of what holds one of these nothing is said: a function that the parser does not know may be an aggregate, and
# names within the others are not those of this query alone.
_UNSAID = (exp.Anonymous, exp.Window, exp.Query, exp.Lambda, exp.Star)
_AGGREGATED = (exp.AggFunc, exp.Filter, exp.WithinGroup)

_LISTS = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple, exp.Paren)


def grouping_problems(select: exp.Select) -> Iterator[SqlProblem]:
    """Yield what is wrong with the aggregates of one SELECT, at most one problem for each of its results."""
    where = select.args.get("where")
    for aggregate in where.find_all(exp.AggFunc) if where is not None else ():
        if aggregate.find_ancestor(exp.Select) is select and aggregate.find_ancestor(exp.Window) is None:
            message = f"'{aggregate.sql(DIALECT)[:60]}' is an aggregate, and WHERE is about single rows"
            yield SqlProblem(
                "LF1054", message, "write HAVING, or aggregate in an inner query", line_of(aggregate)
            )
            break
    group = select.args.get("group")
    if group is None and not _aggregates(select):
        return
    by = list(_grouped_by(select, group)) if group is not None else []
    names = {item.name.casefold() for item in by if isinstance(item, exp.Column)}
    texts = {_text(item) for item in by}
    for projection in select.expressions:
        if projection.find(*_UNSAID) is not None:
            continue
        for column in projection.find_all(exp.Column):
            is_grouped = names & {part.name.casefold() for part in column.parts} or _is_within(column, texts)
            if not is_grouped and column.find_ancestor(*_AGGREGATED) is None:
                message = f"column '{column.name}' is neither aggregated nor in GROUP BY"
                remedy = "wrap it, as in max(…), or add it to GROUP BY"
                yield SqlProblem("LF1054", message, remedy, line_of(column))
                break


def _aggregates(select: exp.Select) -> bool:
    parts = [*select.expressions, select.args.get("having")]
    return any(
        found.find_ancestor(exp.Select) is select and found.find_ancestor(exp.Window) is None
        for part in parts
        if part is not None
        for found in part.find_all(exp.AggFunc)
    )


def _grouped_by(select: exp.Select, group: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a query groups by; a number or the name of a result stands for that result."""
    results = {item.alias.casefold(): item.unalias() for item in select.expressions if item.alias}
    for item in _items(group):
        if isinstance(item, exp.Literal) and not item.is_string and item.this.isdigit():
            place = int(item.this) - 1
            if 0 <= place < len(select.expressions):
                yield select.expressions[place].unalias()
            continue
        yield item
        if isinstance(item, exp.Column) and len(item.parts) == 1 and item.name.casefold() in results:
            yield results[item.name.casefold()]


def _items(node: exp.Expr) -> Iterator[exp.Expr]:
    for child in node.iter_expressions():
        if isinstance(child, _LISTS):
            yield from _items(child)
        else:
            yield child


def _is_within(column: exp.Expr, texts: set[str]) -> bool:
    node: exp.Expr | None = column
    while node is not None and not isinstance(node, exp.Select):
        if _text(node) in texts:
            return True
        node = node.parent
    return False


def _text(node: exp.Expr) -> str:
    return node.sql(DIALECT).casefold()
