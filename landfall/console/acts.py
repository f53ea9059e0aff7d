"""The page of an act: what it does, the same as a command line, and what is wrong with what was sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from landfall.api.errors import HttpRefusal
from landfall.console.address import Address
from landfall.errors import LandfallError


class NoSuchAct(HttpRefusal):
    """A page of an act that nothing of this kind has."""

    code = "LF6140"
    status = 404

    def __init__(self, act: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no act {act!r} here; there are {', '.join(known)}.")


class ActRefused(LandfallError):
    """An act that a page asked for was refused; the message and the status are the API's.

    Attributes:
        its_code: That of the error which the API tells.
        faults: Everything that is wrong with what was sent.
    """

    code = "LF6130"

    def __init__(self, status: int, code: str, detail: str, faults: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.its_code = code
        self.faults = tuple(faults) or (detail,)


class NoSuchPage(HttpRefusal):
    """An address of the console at which there is no page."""

    code = "LF6141"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no page at {path!r}. The search finds pages, products, datasets, runs and files."
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent with a form, and why it was not taken.

    Attributes:
        fields: As they were sent, so that nothing has to be typed again.
        faults: By the field that each is about; those of no field stand under an empty name.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def refused(cls, fields: Mapping[str, str], faults: Iterable[str], names: Iterable[str]) -> "Sent":
        """Return a form that was refused; a fault belongs to the field whose name it begins with.

        Args:
            names: The form's fields; a fault that names none is about the first, which is what the form asks for.
        """
        known = tuple(names)
        found: dict[str, tuple[str, ...]] = {}
        for fault in faults:
            name = next((name for name in known if fault.startswith(f"'{name}' ")), (known or ("",))[0])
            found[name] = (*found.get(name, ()), fault)
        return cls(fields, found)


NOTHING_SENT = Sent()


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
        sent: What was sent before and refused.
    """

    title: str
    says: tuple[str, ...]
    address: Address
    back: str
    submit: str | None
    danger: bool = False
    line: str | None = None
    sent: Sent = NOTHING_SENT
