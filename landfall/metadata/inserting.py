"""Inserting many rows: a bounded number in one statement, so that memory does not grow with their number."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

ROWS_AT_ONCE = 500
"""Rows that are in memory at the same time, as a statement's parameters or as its answer."""


def insert_rows(
    connection: sa.Connection, into: sa.Table | sa.Insert, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Insert rows as they are made; none is no statement.

    Args:
        into: A table, or a statement with parameters of its own.
        rows: All with the same columns, or parameters.
    """
    remaining = iter(rows)
    statement = sa.insert(into) if isinstance(into, sa.Table) else into
    while batch := list(islice(remaining, ROWS_AT_ONCE)):
        connection.execute(statement, batch)
