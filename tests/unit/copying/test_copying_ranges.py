"""Ranges of a column, and readers of several of them."""

from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from landfall.copying.ranges import edges_between
from landfall.copying.side_by_side import read_side_by_side


@pytest.mark.parametrize(
    ("low", "high", "count", "edges"),
    [
        (1, 9, 3, (4, 7)),
        (-5, 5, 2, (1,)),
        (Decimal(1), Decimal(9), 3, (4, 7)),
        (date(2026, 1, 1), date(2026, 1, 9), 3, (date(2026, 1, 4), date(2026, 1, 7))),
        ("2026-01-01 00:00:00", "2026-01-03 00:00:00", 2, (datetime(2026, 1, 2, 0, 0, 0, 1),)),
        (1, 2, 4, ()),
        (None, None, 4, ()),
        ("a", "z", 4, ()),
        (True, False, 2, ()),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9), 2, ()),
    ],
)
def test_edges_divide_what_lies_between(low: Any, high: Any, count: int, edges: tuple[Any, ...]) -> None:
    assert edges_between(low, high, count) == edges


def test_every_part_is_read_once_and_no_more_at_a_time_than_asked() -> None:
    found = sorted(read_side_by_side(range(20), lambda part: iter([part, part + 100]), at_once=3))

    assert found == [*range(20), *range(100, 120)]


def test_what_one_reader_raises_is_raised_and_ends_the_others() -> None:
    def read(part: int) -> Iterator[int]:
        if part == 1:
            raise ValueError("part 1")
        # Without an end, but for the queue that nobody empties any more.
        while True:
            yield part

    with pytest.raises(ValueError, match="part 1"):
        list(read_side_by_side(range(4), read, at_once=4))


def test_who_stops_early_ends_the_readers() -> None:
    def read(part: int) -> Iterator[int]:
        while True:
            yield part

    reading = read_side_by_side(range(2), read, at_once=2)

    assert next(reading) in (0, 1)
    assert isinstance(reading, Generator)
    reading.close()
