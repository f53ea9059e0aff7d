"""The page of an act: what it does, and the same as a command line."""

from dataclasses import dataclass

from landfall.console.address import Address


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
