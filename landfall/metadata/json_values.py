"""Texts read out of JSON columns by the database, so that a list need not fetch and parse whole documents."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class json_text(sa.sql.functions.FunctionElement[str]):  # noqa: N801 used like sa.func's
    """The text at a path of a JSON column, NULL if there is none.

    Args:
        column: The column.
        path: Keys from the outside in, such as ``"output.layer"``: a constant of the program, never a user's text.
    """

    inherit_cache = True
    type = sa.Unicode()
    name = "json_text"

    def __init__(self, column: sa.ColumnElement[Any], path: str) -> None:
        super().__init__(column, sa.literal_column(f"'$.{path}'"))


@compiles(json_text, "mssql")
def _on_azure_sql(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"JSON_VALUE({compiler.process(element.clauses, **options)})"


@compiles(json_text, "sqlite")
def _on_sqlite(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)})"
