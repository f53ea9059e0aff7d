"""Deleting in batches: rows by key with all that refers to them, in transactions of a bounded size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import metadata

# Rows of one kind that one transaction decides on. A run may have thousands of nodes, a file has a handful of rows.
RUNS_IN_ONE = 20
ROWS_IN_ONE = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step has deleted, or would delete.

    Attributes:
        rows: Rows by table.
        full: There may be more of the same kind.
    """

    rows: Mapping[str, int]
    full: bool


def find_batch(
    connection: sa.Connection, query: sa.Select[Any], most: int | None, dry_run: bool
) -> Sequence[Any]:
    """Return the keys of a batch; of everything in a dry run, which has no next batch."""
    limited = query if dry_run or most is None else query.limit(most)
    return connection.execute(limited).scalars().all()


def purge_batch(
    connection: sa.Connection, table: sa.Table, key: sa.Column[Any], query: sa.Select[Any], dry_run: bool
) -> Batch:
    """Delete the rows that a query of a table's key finds, one batch of them."""
    ids = find_batch(connection, query, ROWS_IN_ONE, dry_run)
    return as_batch(delete_rows(connection, table, key, ids, dry_run), ids, ROWS_IN_ONE)


def delete_rows(
    connection: sa.Connection, table: sa.Table, key: sa.Column[Any], ids: Sequence[Any], dry_run: bool
) -> dict[str, int]:
    """Delete rows by key, those of other tables that refer to them first; return the rows by table."""
    rows: dict[str, int] = {}
    for child in metadata.sorted_tables:
        for reference in child.foreign_keys:
            if reference.column is not key:
                continue
            own = list(child.primary_key.columns)
            if len(own) == 1 and own[0] is not reference.parent and _is_referred_to(child):
                query = sa.select(own[0]).where(reference.parent.in_(ids))
                below = connection.execute(query).scalars().all() if ids else ()
                for name, count in delete_rows(connection, child, own[0], below, dry_run).items():
                    rows[name] = rows.get(name, 0) + count
                continue
            for name, count in delete_where(connection, child, reference.parent, ids, dry_run).items():
                rows[name] = rows.get(name, 0) + count
    for name, count in delete_where(connection, table, key, ids, dry_run).items():
        rows[name] = rows.get(name, 0) + count
    return rows


def _is_referred_to(table: sa.Table) -> bool:
    return any(
        reference.column.table is table
        for other in metadata.sorted_tables
        for reference in other.foreign_keys
    )


def delete_where(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Sequence[Any], dry_run: bool
) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for start in range(0, len(ids), ROWS_IN_ONE):
        rows.update(delete_chosen(connection, table, column.in_(ids[start : start + ROWS_IN_ONE]), dry_run))
    return dict(rows)


def delete_chosen(
    connection: sa.Connection, table: sa.Table, chosen: sa.ColumnElement[bool], dry_run: bool
) -> dict[str, int]:
    if dry_run:
        count = connection.execute(sa.select(sa.func.count()).select_from(table).where(chosen)).scalar_one()
    else:
        count = connection.execute(sa.delete(table).where(chosen)).rowcount
    return {table.name: count} if count else {}


def as_batch(rows: Mapping[str, int], ids: Sequence[Any], most: int) -> Batch:
    return Batch(rows, full=len(ids) >= most)
