"""The page of an act: what it does, and the same as a command line."""

from collections.abc import Iterable
from dataclasses import dataclass

from landfall.console.address import Address
from landfall.errors import LandfallError


class NoSuchAct(LandfallError):
    """A page of an act that nothing of this kind has."""

    code = "LF6140"

    def __init__(self, act: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no act {act!r} here; there are {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class ActPage:
    """What act.html shows.

    Attributes:
        title: The act as a question or an order.
        says: What it does, sentence by sentence.
        address: Where the form is sent to.
        back: The page that it leads back to.
        submit: Word of the button that does it; ``None`` where it cannot be done.
        danger: Whether it ends or destroys something.
        line: The command line that does the same.
    """

    title: str
    says: tuple[str, ...]
    address: Address
    back: str
    submit: str | None
    danger: bool = False
    line: str | None = None
