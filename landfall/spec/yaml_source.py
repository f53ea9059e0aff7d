"""Reads YAML text into plain values and remembers the line of each of them.

The text is not trusted: no tags, no merge keys, no duplicate keys, limits on size, depth and on what aliases
unfold to. Plain scalars follow the YAML 1.2 core schema, so ``on`` and ``no`` are text and dates are too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from landfall.spec.faults import Fault

MAX_CHARACTERS = 2_000_000
MAX_DEPTH = 40
# Values of one file once every alias is unfolded; a "billion laughs" file stops here.
MAX_VALUES = 400_000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

# What the parser says where people forgot something, and what that mostly was.
_REMEDIES = {
    "mapping values are not allowed here": "quote a text that holds ': ', and indent keys of one mapping alike",
    "found character '\\t' that cannot start any token": "indent with blanks, not with tabs",
    "expected <block end>, but found '<block mapping start>'": "indent keys of a mapping and items of a list alike",
    "expected ',' or '}', but got '<scalar>'": "look for a quote or bracket that is not closed, from where it begins",
    "expected ',' or ']', but got '<scalar>'": "look for a quote or bracket that is not closed, from where it begins",
}

Key = str | int
Location = tuple[Key, ...]


@dataclass(slots=True)
class Mark:
    """Where a value stands.

    Attributes:
        line: Line of the value's key, or of the value where it has none (an item of a list).
        text_line: Line of the first character of a text, which for a block scalar is the line below ``|``.
        is_literal: Whether the lines of the text are lines of the file.
        children: Marks of the values inside, by key or index.
        used_at: ``path:line`` of the use, for what stands in one place and is used in several.
    """

    path: str
    line: int
    text_line: int = 0
    is_literal: bool = False
    children: dict[Key, "Mark"] = field(default_factory=dict)
    used_at: str = ""

    def at(self, location: Sequence[Key]) -> "Mark":
        """Return the mark of the value at ``location``, or of the nearest one around it.

        Keys that stand for nothing in the file (the tag of a union, a key that is missing) are passed over.
        """
        mark = self
        for key in location:
            mark = mark.children.get(key, mark)
        return mark

    def fault(self, code: str, message: str, remedy: str, *, text_line: int = 1) -> Fault:
        """Return a fault of the value that stands here; ``text_line`` counts lines within a text."""
        used = f" (used at {self.used_at})" if self.used_at else ""
        return Fault(self.path, self.line_of_text(text_line), code, message + used, remedy)

    def line_of_text(self, line: int) -> int:
        """Return the line in the file of line ``line`` (from 1) of this text."""
        return self.text_line + line - 1 if self.is_literal else self.line


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file holds: ``data`` is ``None`` for an empty file and for one that cannot be read."""

    data: Any
    mark: Mark
    faults: tuple[Fault, ...] = ()


def read_yaml(text: str, path: str) -> YamlFile:
    """Return what the text of one file holds; never raises for what the text says."""
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        return _unreadable(path, 1, "LF1011", message, "move parts of it into files beside it")
    builder = _Builder(path)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except _RefusedYamlError as refused:
        return _unreadable(path, refused.line, "LF1011", refused.message, refused.remedy)
    except MarkedYAMLError as error:
        return _unreadable(path, *_not_yaml(error))
    except YAMLError as error:
        message = f"this is not YAML: {str(error).splitlines()[0]}"
        return _unreadable(
            path, 1, "LF1010", message, "save the file as UTF-8 text without control characters"
        )
    return YamlFile(builder.data, builder.mark, tuple(builder.faults))


def _unreadable(path: str, line: int, code: str, message: str, remedy: str) -> YamlFile:
    return YamlFile(None, Mark(path, line), (Fault(path, line, code, message, remedy),))


def _not_yaml(error: MarkedYAMLError) -> tuple[int, str, str, str]:
    """Return line, code, message and remedy of what the parser could not read."""
    problem = error.problem or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    line = 1 if mark is None else mark.line + 1
    context = f" {error.context}" if error.context else ""
    if error.context and error.context_mark is not None and error.context_mark.line + 1 < line:
        context += f" that begins on line {error.context_mark.line + 1}"
    remedy = _REMEDIES.get(problem, "check the indentation, quotes and brackets here")
    return line, "LF1010", f"this is not YAML: {problem}{context}", remedy


class _RefusedYamlError(Exception):
    def __init__(self, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    mark: Mark
    anchor: str | None
    values_before: int
    key: str | None = None
    key_line: int = 0
    key_is_repeated: bool = False


class _Builder:
    """Builds values and marks from parser events, one level of nesting per entry of a stack."""

    def __init__(self, path: str) -> None:
        self.data: Any = None
        self.mark = Mark(path, 1)
        self.faults: list[Fault] = []
        self._path = path
        self._stack: list[_Open] = []
        # Name of an anchor to its value, its mark and how many values it holds.
        self._anchors: dict[str, tuple[Any, Mark, int]] = {}
        self._documents = 0
        self._values = 0

    def take(self, event: Event) -> None:
        if isinstance(event, ScalarEvent):
            self._take_scalar(event)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self._close()
        elif isinstance(event, AliasEvent):
            self._take_alias(event)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _RefusedYamlError(
                    _line(event), "a second document starts here", "put it in its own file"
                )

    def _take_scalar(self, event: ScalarEvent) -> None:
        self._refuse_tag(event)
        line = _line(event)
        text = event.value if event.value.isascii() else _whole_characters(event.value, line)
        if self._expects_key():
            self._take_key(text, line)
            return
        is_plain = event.style is None or event.style == ""
        value = _plain_value(text) if is_plain else text
        is_literal = event.style == "|"
        mark = Mark(self._path, line, line + 1 if is_literal else line, is_literal)
        self._count(1, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, mark, 1)
        self._place(value, mark)

    def _take_key(self, key: str, line: int) -> None:
        container = self._stack[-1]
        if key == "<<":
            raise _RefusedYamlError(
                line,
                "merge keys (<<) are not read",
                "write the keys out, or repeat the whole value by an alias",
            )
        container.key_is_repeated = key in container.value
        if container.key_is_repeated:
            first = container.mark.children[key].line
            remedy = f"it stands already on line {first}: keep one of the two"
            self.faults.append(Fault(self._path, line, "LF1012", f"key '{key}' is repeated", remedy))
        container.key, container.key_line = key, line

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        self._refuse_tag(event)
        line = _line(event)
        if self._expects_key():
            raise _RefusedYamlError(
                line, "a mapping or list cannot be a key", "quote the text if it starts with { or ["
            )
        if len(self._stack) >= MAX_DEPTH:
            raise _RefusedYamlError(line, f"values are nested deeper than {MAX_DEPTH} levels", "flatten them")
        self._count(1, line)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        self._stack.append(_Open(value, Mark(self._path, line, line), event.anchor, self._values))

    def _close(self) -> None:
        closed = self._stack.pop()
        if closed.anchor is not None:
            self._anchors[closed.anchor] = (
                closed.value,
                closed.mark,
                1 + self._values - closed.values_before,
            )
        self._place(closed.value, closed.mark)

    def _take_alias(self, event: AliasEvent) -> None:
        line = _line(event)
        if self._expects_key():
            raise _RefusedYamlError(line, "an alias cannot be a key", "write the key out")
        if event.anchor not in self._anchors:
            message = f"alias '*{event.anchor}' has no finished anchor above it"
            raise _RefusedYamlError(line, message, "define it first, or quote the text if it starts with *")
        value, mark, size = self._anchors[event.anchor]
        self._count(size, line)
        self._place(value, Mark(self._path, line, mark.text_line, mark.is_literal, mark.children))

    def _place(self, value: Any, mark: Mark) -> None:
        if not self._stack:
            self.data, self.mark = value, mark
            return
        container = self._stack[-1]
        if isinstance(container.value, list):
            container.mark.children[len(container.value)] = mark
            container.value.append(value)
            return
        key = container.key
        assert key is not None  # noqa: S101  the parser never gives a value of a mapping without its key
        container.key = None
        if not container.key_is_repeated:
            mark.line = container.key_line
            container.mark.children[key] = mark
            container.value[key] = value

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _count(self, values: int, line: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            message = f"the file unfolds to more than {MAX_VALUES:,} values"
            raise _RefusedYamlError(
                line, message, "use fewer aliases, or move parts of it into files beside it"
            )

    def _refuse_tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        if event.tag is not None:
            message = f"tag '{event.tag}' is not read"
            raise _RefusedYamlError(_line(event), message, "remove it; quote the text if it starts with !")


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _whole_characters(text: str, line: int) -> str:
    r"""Return a text with each pair of surrogates (``"\ud83d\ude00"``, as JSON writes it) as one character."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        message = "half a character stands here (a surrogate without its partner)"
        raise _RefusedYamlError(line, message, "write the character itself") from error


def _plain_value(text: str) -> Any:
    """Return the value of an unquoted scalar; infinities and NaN stay text because JSON has none of them."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text
