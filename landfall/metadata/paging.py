"""Pages of a list, each found from the keys of the row before it: the thousandth is as quick as the first."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.columns import UtcDateTime

Item = TypeVar("Item")

PAGE_ROWS = 50
"""Rows of a page where nobody says otherwise."""

_LARGEST = 2**63 - 1


class NotACursor(LandfallError):
    """A text that is not where a page of this list, in this order, ended."""

    code = "LF2301"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:60]!r} is not where a page of this list ended. Take the cursor that the page before gave, with "
            "the same order, or leave it out for the first page."
        )


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column by which a list is ordered; it is among those read, and never NULL.

    Attributes:
        name: Tells it from the other columns that the list may be ordered by.
    """

    name: str
    column: sa.ColumnElement[Any]
    descending: bool = False

    def beyond(self, value: Any) -> sa.ColumnElement[bool]:
        return sa.and_(self.column < value if self.descending else self.column > value)

    def not_before(self, value: Any) -> sa.ColumnElement[bool]:
        return sa.and_(self.column <= value if self.descending else self.column >= value)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list.

    Attributes:
        following: The cursor of the next page, ``None`` if there is none.
    """

    items: tuple[Item, ...]
    following: str | None = None


def read_page(
    connection: sa.Connection,
    query: sa.Select[Any],
    order: Sequence[SortKey],
    make: Callable[[sa.Row[Any]], Item],
    *,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[Item]:
    """Return the rows of a query that follow a cursor, as many as a page has.

    Args:
        query: Without order and limit.
        order: Keys that together tell every row from every other.
        make: Makes an item of a row.
        limit: Rows of the page, at least 1.
        cursor: The ``following`` of the page before; ``None`` for the first one.

    Raises:
        NotACursor: The cursor is none, or of another order.
    """
    if cursor is not None:
        query = query.where(_behind(order, _decoded(cursor, order)))
    ordering = [key.column.desc() if key.descending else key.column.asc() for key in order]
    rows = connection.execute(query.order_by(*ordering).limit(limit + 1)).all()
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = _encoded(rows[-1], order)
    return Page(tuple(make(row) for row in rows), following)


def _behind(order: Sequence[SortKey], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return the condition for rows behind one with these values.

    Each key is bounded by itself too: an index is then entered at the row, where a bare OR would read it all.
    """
    key, value = order[0], values[0]
    if len(order) == 1:
        return key.beyond(value)
    return key.not_before(value) & (key.beyond(value) | _behind(order[1:], values[1:]))


def _signature(order: Sequence[SortKey]) -> str:
    return ",".join(f"{'-' if key.descending else ''}{key.name}" for key in order)


def _encoded(row: sa.Row[Any], order: Sequence[SortKey]) -> str:
    values = [row._mapping[key.column] for key in order]
    plain = [{"at": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    text = json.dumps([_signature(order), *plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str, order: Sequence[SortKey]) -> list[Any]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, *values = json.loads(text)
    except (binascii.Error, ValueError, TypeError) as error:
        raise NotACursor(cursor) from error
    if signature != _signature(order) or len(values) != len(order):
        raise NotACursor(cursor)
    return [_value(item, key, cursor) for item, key in zip(values, order, strict=True)]


def _value(item: Any, key: SortKey, cursor: str) -> Any:
    """Return a value of a cursor as its column has it; a cursor comes from outside, so nothing about it is sure."""
    if isinstance(key.column.type, UtcDateTime):
        try:
            value = datetime.fromisoformat(item["at"])
        except (TypeError, KeyError, ValueError) as error:
            raise NotACursor(cursor) from error
        if value.tzinfo is None:
            raise NotACursor(cursor)
        return value
    if type(item) is not key.column.type.python_type or (isinstance(item, int) and abs(item) > _LARGEST):
        raise NotACursor(cursor)
    return item
