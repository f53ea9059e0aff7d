"""What verbs that list have in common: filters by one of a few words and by time, and pages by cursor."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from landfall.cli.output import note

if TYPE_CHECKING:
    from landfall.metadata.paging import Page

Word = TypeVar("Word", bound=StrEnum)

Cursor = Annotated[str | None, typer.Option(help="Go on behind a former page.")]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN", help="Only from then on: a date or instant (UTC), or an age such as 12h or 7d."
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="Rows of a page.")]


def one_of(kind: type[Word], text: str | None, option: str) -> Word | None:
    """Return the word that an option names, ``None`` where it is not given; anything else is wrong usage."""
    if text is not None and text not in tuple(kind):
        raise typer.BadParameter(f"{text!r} is none of {', '.join(kind)}", param_hint=option)
    return kind(text) if text is not None else None


def instant_of(text: str | None, option: str) -> datetime | None:
    """Return the instant that an option names, ``None`` where it is not given; anything else is wrong usage."""
    from landfall.instants import read_since

    found = read_since(text, datetime.now(UTC)) if text is not None else None
    if text is not None and found is None:
        raise typer.BadParameter(
            f"{text!r} is neither an instant nor an age such as 12h or 7d", param_hint=option
        )
    return found


def note_following(page: "Page[Any]") -> None:
    """Say how the list goes on, where it does."""
    note_more(page.following)


def note_more(following: str | None) -> None:
    """Say how a list goes on behind a page that gave this cursor; nothing at its end."""
    if following is not None:
        note(f"there is more: --cursor {following} goes on")
