"""Inserting many rows: a bounded number in one statement, so that memory does not grow with their number."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

ROWS_AT_ONCE = 500
"""Rows that are in memory at the same time, as a statement's parameters or as its answer."""


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows as they are made; none is no statement.

    Args:
        rows: All with the same columns.
    """
    remaining = iter(rows)
    statement = sa.insert(table)
    while batch := list(islice(remaining, ROWS_AT_ONCE)):
        connection.execute(statement, batch)
