"""What is wrong in a project's files: where, what, and what to do about it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from landfall.errors import LandfallError

# How many known names a remedy lists before it stops.
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of one file.

    Attributes:
        path: File with ``/`` between folders, below the project's folder where it lies there.
        line: Line in the file, counted from 1.
        code: Stable identifier, ``LF1xxx``.
        message: What is wrong.
        remedy: What to do about it.
    """

    path: str
    line: int
    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}; {self.remedy}"

    def to_payload(self) -> dict[str, str | int]:
        """Return the fault as plain JSON, for machines that read what `landfall validate` finds."""
        return asdict(self)


class InvalidSpec(LandfallError):
    """The files of a project are not sound; the message is one line per fault.

    Attributes:
        faults: All of them, by file and line.
    """

    code = "LF1000"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class NoProject(LandfallError):
    """No folder from here upwards holds a landfall.yml."""

    code = "LF1001"

    def __init__(self, start: str) -> None:
        super().__init__(
            f"{start}: neither this folder nor one above it holds a landfall.yml. Change to a project's "
            "folder, or start a project here with `landfall init DOMAIN/PRODUCT`."
        )
        self.start = start


class UnknownProduct(LandfallError):
    """A product that the project does not hold was asked for by name."""

    code = "LF1002"

    def __init__(self, product: str, known: Iterable[str]) -> None:
        super().__init__(f"the project holds no product '{product}'; {nearest_remedy(product, known)}")
        self.product = product


class UnknownTarget(LandfallError):
    """A target was named that landfall.yml does not have."""

    code = "LF1005"

    def __init__(self, target: str, known: Iterable[str]) -> None:
        super().__init__(f"landfall.yml has no target '{target}'; {nearest_remedy(target, known)}")
        self.target = target


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like ``name``, or ``None`` if none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def nearest_remedy(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return what to do about an unknown name: the nearest known one, else the list of known ones.

    Args:
        name: The name that is not known.
        known: The names that are.
        otherwise: What to say where nothing is near, in place of the list.
    """
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    return otherwise or f"known: {shown(names)}"


def shown(names: Sequence[str]) -> str:
    """Return the first few names as one text, ``none`` if there are none."""
    if not names:
        return "none"
    more = len(names) - _NAMES_SHOWN
    text = ", ".join(str(name) for name in names[:_NAMES_SHOWN])
    return f"{text} and {more} more" if more > 0 else text
