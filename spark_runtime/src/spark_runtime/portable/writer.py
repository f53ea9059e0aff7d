"""What the parts that write SQL anew for an engine ask of the writer around them."""

from typing import Protocol

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.scope import Scope


class Different(Exception):
    """The engine would come to another result than Spark; the message says what to write instead."""


class Writer(Protocol):
    """What writes the text anew around a piece of it."""

    @property
    def scope(self) -> Scope: ...

    def pieces(self, pieces: Pieces) -> str:
        """Return the text of an argument."""
        ...

    def spliced(self, node: Node, changed: dict[int, str] | None = None) -> str:
        """Return the text of a call, some of whose arguments may be changed."""
        ...

    def suffix(self, node: Node) -> str:
        """Return FILTER and OVER of a call."""
        ...


def as_type(text: str, kind: str) -> str:
    return f"CAST({text} AS {kind})"


def made(cast: str) -> str:
    """Return a cast that the engine makes wherever its value is compared.

    Sail takes casts away from what is compared with constants, also those of columns that earlier steps made: for
    ``cast(1.50 AS int) = 1`` it looks for 1.00. So what the cast cuts, rounds or refuses would be lost.
    """
    return f"nullif({cast}, NULL)"
