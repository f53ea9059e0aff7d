"""Parameters that many routes take."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query

from landfall.api.errors import InvalidRequest
from landfall.instants import read_since

Limit = Annotated[int, Query(ge=1, le=500, description="Rows of the page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=4_000, description="The ``following`` of the page before; leave it out for the first."),
]
Since = Annotated[
    str | None,
    Query(max_length=64, description="From then on: an instant, a date, or an age such as 12h or 7d."),
]
Until = Annotated[str | None, Query(max_length=64, description="Before then: an instant, a date, or an age.")]
Product = Annotated[str | None, Query(max_length=257, description="domain/product")]
FileID = Annotated[int, Path(ge=1, le=2**63 - 1)]


def instant(text: str | None, now: datetime, name: str) -> datetime | None:
    """Return the instant that a parameter names, ``None`` without one.

    Raises:
        InvalidRequest: It is neither an instant nor an age.
    """
    found = read_since(text, now) if text is not None else None
    if text is not None and found is None:
        raise InvalidRequest([f"{name}: is neither an instant nor an age such as 12h or 7d."])
    return found
