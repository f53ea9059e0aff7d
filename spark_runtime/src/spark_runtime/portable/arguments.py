"""Functions whose arguments Sail takes otherwise than Spark: lengths below zero, first places, texts to put in."""

import re
from collections.abc import Sequence
from typing import Protocol

from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.scope import Scope
from spark_runtime.portable.types import FRACTIONS

# In a text that takes the place of what was found: a reference to a group that all engines take for one.
_GROUP = re.compile(r"\$([0-9])(?![0-9])")


class Different(Exception):
    """The engine would come to another result than Spark; the message says what to write instead."""


class Writer(Protocol):
    """What writes the text anew around a function."""

    @property
    def scope(self) -> Scope: ...

    def pieces(self, pieces: Pieces) -> str:
        """Return the text of an argument."""
        ...

    def spliced(self, node: Node, changed: dict[int, str] | None = None) -> str:
        """Return the text of a call, some of whose arguments may be changed."""
        ...


def leftmost(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 2:
        return None
    return f"substring({writer.pieces(arguments[0])}, 1, {_not_negative(writer, arguments[1])})"


def rightmost(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 2:
        return None
    return f"CAST({writer.spliced(node, {1: _not_negative(writer, arguments[1])})} AS string)"


def part_of_text(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) != 3:
        return None
    return writer.spliced(node, {2: _not_negative(writer, arguments[2])})


def part_of_array(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a slice that is refused where Spark has none: from place 0, or of a negative length."""
    if len(arguments) != 3:
        return None
    start, length = (writer.pieces(argument) for argument in arguments[1:])
    faulty = [f"({start}) = 0"] if not _is_positive(arguments[1]) else []
    faulty += [f"({length}) < 0"] if not _is_written_number(arguments[2]) else []
    if not faulty:
        return None
    message = "slice: places are counted from 1, and no length is negative"
    return f"CASE WHEN {' OR '.join(faulty)} THEN raise_error('{message}') ELSE {writer.spliced(node)} END"


def as_json(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    differing = (*FRACTIONS, "decimal", "timestamp", "binary")
    if kind is None or any(word in kind for word in differing):
        shown = writer.scope.source(node)
        raise Different(
            f"{shown}: this engine writes fractions and instants in JSON otherwise; cast them to string before"
        )
    return None


def with_marked_groups(replacement: str, pattern: str | None) -> str:
    """Return a text literal that is put in for what was found, its groups written as Sail tells them from letters.

    Args:
        replacement: The literal.
        pattern: The literal of the regular expression, ``None`` where it is no literal.

    Raises:
        Different: It has a backslash, a dollar that not just one digit follows, or a group that the pattern has not.
    """
    asked = [int(group) for group in _GROUP.findall(replacement)]
    is_plain = "\\" not in replacement and "$" not in _GROUP.sub("", replacement)
    if not is_plain or (asked and max(asked) > _groups_in(pattern)):
        raise Different(
            f"regexp_replace: this engine reads {replacement} otherwise; write $1 to $9 for a group of the pattern, "
            "and put a dollar or a backslash in with replace"
        )
    return _GROUP.sub(r"${\1}", replacement)


def _groups_in(pattern: str | None) -> int:
    try:
        # Escapes of the literal are taken away; what is left has as many groups in every dialect.
        return re.compile((pattern or "").replace("\\\\", "\\")).groups if pattern is not None else 9
    except re.error:
        return 9


def guarded_groups(value: str) -> str:
    """Return SQL of a text that is put in for what was found and is refused where engines read it otherwise."""
    message = "regexp_replace: a text with a backslash or a dollar is read otherwise by this engine"
    return f"CASE WHEN ({value}) RLIKE '[$\\\\\\\\]' THEN raise_error('{message}') ELSE {value} END"


def _not_negative(writer: Writer, argument: Pieces) -> str:
    value = writer.pieces(argument)
    return value if _is_written_number(argument) else f"CASE WHEN ({value}) < 0 THEN 0 ELSE {value} END"


def _is_written_number(argument: Pieces) -> bool:
    return argument.only is not None and argument.only.kind == "number"


def _is_positive(argument: Pieces) -> bool:
    return _is_written_number(argument) and argument.only is not None and argument.only.name.strip("0") != ""
