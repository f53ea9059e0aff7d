"""How long something took, reckoned by the database, so that a list can be ordered by it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class elapsed(sa.sql.functions.FunctionElement[float]):  # noqa: N801 used like sa.func's
    """What lies between two instants, in a unit of the database's own: for comparison with others of its kind.

    Args:
        start: The earlier one.
        end: The later one.
    """

    inherit_cache = True
    type = sa.Float()
    name = "elapsed"

    def __init__(self, start: sa.ColumnElement[Any], end: sa.ColumnElement[Any]) -> None:
        super().__init__(start, end)


@compiles(elapsed, "mssql")
def _on_azure_sql(element: elapsed, compiler: SQLCompiler, **options: Any) -> str:
    return f"DATEDIFF_BIG(MICROSECOND, {compiler.process(element.clauses, **options)})"


@compiles(elapsed, "sqlite")
def _on_sqlite(element: elapsed, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (f"julianday({compiler.process(clause, **options)})" for clause in element.clauses)
    return f"({end} - {start})"
