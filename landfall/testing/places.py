"""Where the rows of a test stand, for what is said about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.errors import LandfallError


class WrongFixture(LandfallError):
    """A test gives or expects a value that its column cannot hold, or a column that is not there."""

    code = "LF6401"


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows stand.

    Attributes:
        what: What they are, such as ``given orders_landed``.
        path: The file of the test, below the project's folder.
        lines: Line of each row; empty where it is not known.
    """

    what: str
    path: str = ""
    lines: Sequence[int] = ()

    def wrong(self, message: str, *, row: int | None = None) -> WrongFixture:
        """Return the fault of the rows, or of one of them.

        Args:
            row: Its number, counted from 1.
        """
        at = (row or 1) - 1
        line = self.lines[at] if at < len(self.lines) else None
        where = f"{self.path}:{line}: " if line is not None else ""
        return WrongFixture(f"{where}{self.what}{'' if row is None else f', row {row}'}: {message}")
