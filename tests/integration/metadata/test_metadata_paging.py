"""Pages found by keys: every row once, whatever is added meanwhile, and no cursor taken for what it is not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.paging import NotACursor, Page, SortKey, read_page
from landfall.metadata.tables import dead_letters

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ID = SortKey("id", dead_letters.c.DeadLetterID)
SEEN = SortKey("seen", dead_letters.c.LastSeenAt, descending=True)
SOURCE = SortKey("source", dead_letters.c.Source)
ORDERS = [
    pytest.param([ID], id="id"),
    pytest.param([SEEN, ID], id="seen-id"),
    pytest.param([SOURCE, SEEN, SortKey("id", dead_letters.c.DeadLetterID, descending=True)], id="three"),
]


def write(database: Database, *numbers: int) -> None:
    """Write letters, several of which share their instants and sources."""
    rows = [
        {
            "Source": f"s{number % 3}",
            "Payload": str(number),
            "PayloadHash": str(number),
            "Reason": "r",
            "State": "dead",
            "EventCount": 1,
            "FirstSeenAt": NOW,
            "LastSeenAt": NOW + timedelta(microseconds=number // 4),
        }
        for number in numbers
    ]
    database.transact(lambda c: c.execute(sa.insert(dead_letters), rows))


def page(database: Database, order: list[SortKey], cursor: str | None = None, limit: int = 5) -> Page[int]:
    def number(row: sa.Row[Any]) -> int:
        return int(row.Payload)

    return database.read(
        lambda c: read_page(c, sa.select(dead_letters), order, number, limit=limit, cursor=cursor)
    )


def whole(database: Database, order: list[SortKey]) -> list[int]:
    keys = [key.column.desc() if key.descending else key.column.asc() for key in order]
    query = sa.select(dead_letters.c.Payload).order_by(*keys)
    return database.read(lambda c: [int(row.Payload) for row in c.execute(query)])


@pytest.mark.parametrize("order", ORDERS)
def test_the_pages_together_are_the_list(database: Database, order: list[SortKey]) -> None:
    write(database, *range(23))

    found: list[int] = []
    cursor = None
    while True:
        part = page(database, order, cursor)
        found += part.items
        cursor = part.following
        if cursor is None:
            break

    assert found == whole(database, order)


def test_a_list_that_ends_with_its_page_has_no_following(database: Database) -> None:
    write(database, *range(5))

    assert page(database, [ID]) == Page((0, 1, 2, 3, 4), None)


def test_what_comes_meanwhile_moves_nothing(database: Database) -> None:
    write(database, *range(10, 20))
    newest = [SortKey("id", dead_letters.c.DeadLetterID, descending=True)]
    first = page(database, newest)

    write(database, 77)

    assert page(database, newest, first.following).items == (14, 13, 12, 11, 10)


def _cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "!!!!",
        _cursor(),
        _cursor("id", 3),
        _cursor("-seen,id", 3, 3),
        _cursor("-seen,id", {"at": "2026-01-01"}, 3),
        _cursor("-seen,id", {"at": "2026-01-01T00:00:00+00:00"}, "3"),
        _cursor("-seen,id", {"at": "2026-01-01T00:00:00+00:00"}, True),
        _cursor("-seen,id", {"at": "2026-01-01T00:00:00+00:00"}, 2**70),
        _cursor("-seen,id", {"at": "2026-01-01T00:00:00+00:00"}),
        base64.urlsafe_b64encode(b'{"a": 1}').decode(),
        base64.urlsafe_b64encode(b"7").decode(),
    ],
    ids=range(14),
)
def test_what_is_no_cursor_of_this_order_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(NotACursor, match="is not where a page"):
        page(database, [SEEN, ID], cursor)
