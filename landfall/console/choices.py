"""What parameters of an address may be: one of the words of an enumeration, an instant or an age, or nothing."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from landfall.api.errors import InvalidRequest
from landfall.api.parameters import instant

Word = TypeVar("Word", bound=StrEnum)

TIMES = (
    ("", "at any time"),
    ("1h", "last hour"),
    ("24h", "last 24 hours"),
    ("7d", "last 7 days"),
    ("30d", "last 30 days"),
)
"""What a list offers for ``since``."""


def chosen(given: Mapping[str, str], name: str, kind: type[Word]) -> Word | None:
    """Return the word that a parameter is, ``None`` if it is not given.

    Raises:
        InvalidRequest: It is none of the words.
    """
    text = given.get(name)
    if text is None:
        return None
    if text not in tuple(kind):
        raise InvalidRequest([f"{name}: {text!r} is none of {', '.join(kind)}."])
    return kind(text)


def chosen_since(given: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the instant that ``since`` names, ``None`` if it is not given.

    Raises:
        InvalidRequest: It is neither an instant nor an age.
    """
    return instant(given.get("since"), now, "since")


def words(kind: type[StrEnum], anything: str) -> tuple[tuple[str, str], ...]:
    """Return what a list offers: anything, or one of the words."""
    return (("", anything), *((word, word.replace("_", " ")) for word in kind))
