"""What parameters of an address may be: one of the words of an enumeration, or nothing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from landfall.api.errors import InvalidRequest

Word = TypeVar("Word", bound=StrEnum)


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


def words(kind: type[StrEnum], anything: str) -> tuple[tuple[str, str], ...]:
    """Return what a list offers: anything, or one of the words."""
    return (("", anything), *((word, word.replace("_", " ")) for word in kind))
