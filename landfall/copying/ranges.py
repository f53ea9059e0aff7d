"""Ranges of a column that divide the rows of a table: numbers, days and moments."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

Edge = int | date | datetime


def edges_between(low: Any, high: Any, count: int) -> Sequence[Edge]:
    """Return the values at which the second range and those after it begin, ``count - 1`` at most.

    Whatever they are, a row is in one range: what is below the first edge or null, what is from an edge on and below
    the next. So they say how even the ranges are, and nothing about which rows are read.

    Args:
        low: Least value of the column as its driver gives it; ``None`` if there are no rows.
        high: Greatest value.
        count: Of ranges, at least 1.

    Returns:
        Nothing where the values are of a type that is not divided, or too few.
    """
    low, high = _divisible(low), _divisible(high)
    if low is None or high is None or type(low) is not type(high):
        return ()
    try:
        span = high - low
    except TypeError:
        # A moment with a zone and one without.
        return ()
    step: Any = (
        timedelta(days=1) if type(low) is date else timedelta(microseconds=1) if isinstance(low, date) else 1
    )
    width = (span // count // step + 1) * step
    if span < step * count:
        return ()
    return tuple(low + width * number for number in range(1, count))


def _divisible(value: Any) -> Edge | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | date):
        return value
    if isinstance(value, Decimal):
        # Whole numbers of Oracle.
        return int(value)
    try:
        # SQLite keeps days and moments as texts.
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
