"""Landing patterns: which files below ``landing/{domain}/{product}/`` belong to a dataset, and what their paths say.

``*`` stands for any characters within one folder or file name, ``?`` for one such character, and ``**`` as a
whole name for any number of folders. ``{name}`` stands for one or more characters within a name and keeps them as
a value, ``{name:int}`` for one to nine digits, ``{name:date}`` for a date such as 2026-01-31. Everything else stands
for itself; upper and lower case differ.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

# The commits of a Delta table: twenty digits each, and nothing else that lies in its log.
_COMMITS = f"/_delta_log/{'?' * 20}.json"

MOST_DIGITS = 9
"""Digits of an ``int`` in a path: any such number is an int of Spark."""

_FORBIDDEN = re.compile(r"[\s%\\\[\]{}#:|<>\"'$&+;=@!,()^`]")
_CAPTURE = re.compile(r"\{([^{}/:]*)(?::([^{}/]*))?\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOKEN = re.compile(r"\{([a-z][a-z0-9_]*)(?::(\w+))?\}|(\*)|(\?)")

CapturedValue = str | int


class CaptureType(StrEnum):
    TEXT = "text"
    INT = "int"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class AnyCharacter:
    """``?``, one character of a name."""


@dataclass(frozen=True, slots=True)
class AnyText:
    """``*``, any characters of a name."""


@dataclass(frozen=True, slots=True)
class Capture:
    """``{name}`` or ``{name:type}``, a value."""

    name: str
    type: CaptureType = CaptureType.TEXT


Token = Literal | AnyCharacter | AnyText | Capture

_EXPRESSIONS = {
    CaptureType.TEXT: "[^/]+",
    CaptureType.INT: f"[0-9]{{1,{MOST_DIGITS}}}",
    CaptureType.DATE: "[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
_COLUMN_TYPES = {CaptureType.TEXT: "string", CaptureType.INT: "int", CaptureType.DATE: "date"}


def commits_of(table: str) -> str:
    """Return the pattern of the commits of Delta tables, given that of their folders."""
    return table + _COMMITS


def table_of(pattern: str) -> str | None:
    """Return the pattern of the folders of Delta tables, given that of their commits; ``None`` for any other."""
    return pattern.removesuffix(_COMMITS) if pattern.endswith(_COMMITS) else None


def pattern_problem(pattern: str, *, hidden: bool = False) -> str | None:
    """Return what is wrong with a pattern, ``None`` if it is sound.

    Args:
        hidden: Whether names may start with ``_`` or ``.``, as those of markers do.
    """
    problem = _capture_problem(pattern)
    if problem is not None:
        return problem
    forbidden = _FORBIDDEN.search(_CAPTURE.sub("x", pattern))
    if forbidden is not None:
        return f"'{forbidden[0]}' cannot stand in a landing path"
    if pattern.startswith("/"):
        return "it starts with '/': it counts from the product's landing folder"
    segments = pattern.split("/")
    if "" in segments:
        return "it ends with '/', but it must match files" if pattern.endswith("/") else "it holds '//'"
    if segments[-1] == "**":
        return "it ends with '**', which stands for folders: add a file name such as '*.csv'"
    for segment in segments:
        if segment in (".", ".."):
            return f"'{segment}' is not a folder name"
        if segment.startswith(("_", ".")) and not hidden:
            return (
                f"'{segment}' starts with '{segment[0]}', and files and folders so named are never taken in"
            )
        if "**" in segment and segment != "**":
            return f"'**' must be a whole name between '/', not a part of '{segment}'"
    return None


def _capture_problem(pattern: str) -> str | None:
    seen: set[str] = set()
    for name, kind in _CAPTURE.findall(pattern):
        if not _NAME.fullmatch(name):
            return (
                f"'{{{name}}}' names no value: use lower-case letters, digits and underscores, a letter first"
            )
        if kind and kind not in list(CaptureType):
            return f"'{{{name}:{kind}}}' is of no known type; there are {', '.join(CaptureType)}"
        if name in seen:
            return f"it holds '{{{name}}}' twice"
        seen.add(name)
    return None


@lru_cache(maxsize=4096)
def parse_pattern(pattern: str) -> tuple[tuple[Token, ...] | None, ...]:
    """Return the names between the slashes of a sound pattern, each as its tokens, ``None`` for ``**``."""
    return tuple(None if segment == "**" else tuple(_tokens(segment)) for segment in pattern.split("/"))


def _tokens(segment: str) -> Iterator[Token]:
    at = 0
    for found in _TOKEN.finditer(segment):
        if found.start() > at:
            yield Literal(segment[at : found.start()])
        name, kind, star, _ = found.groups()
        if name:
            yield Capture(name, CaptureType(kind or CaptureType.TEXT))
        else:
            yield AnyText() if star else AnyCharacter()
        at = found.end()
    if at < len(segment):
        yield Literal(segment[at:])


def captures_of(pattern: str) -> tuple[Capture, ...]:
    """Return what a pattern takes from paths, in order."""
    return tuple(
        token for segment in parse_pattern(pattern) for token in segment or () if isinstance(token, Capture)
    )


def captures_of_folders(pattern: str) -> tuple[Capture, ...]:
    """Return what a pattern takes from the folders of paths, in order."""
    folder, slash, _ = pattern.rpartition("/")
    return captures_of(folder) if slash else ()


def captured_types(pattern: str) -> dict[str, str]:
    """Return the Spark SQL type of each value that a pattern takes from paths, in order."""
    return {capture.name: _COLUMN_TYPES[capture.type] for capture in captures_of(pattern)}


def a_path(pattern: str) -> str:
    """Return one of the paths that match a pattern, to show what is meant."""
    return "/".join(
        "2026" if segment is None else "".join(_some(token) for token in segment)
        for segment in parse_pattern(pattern)
    )


def _some(token: Token) -> str:
    match token:
        case Literal(text):
            return text
        case AnyCharacter() | Capture(type=CaptureType.INT):
            return "1"
        case AnyText():
            return "2026"
        case Capture(type=CaptureType.DATE):
            return "2026-01-31"
        case Capture(name):
            return name


def match_path(pattern: str, path: str) -> Mapping[str, CapturedValue] | None:
    """Return the values that ``path`` gives a pattern, ``None`` if it does not match; a date is its ISO text."""
    found = _expression(pattern).fullmatch(path)
    if found is None:
        return None
    values: dict[str, CapturedValue] = {}
    for capture in captures_of(pattern):
        text = found[capture.name]
        if capture.type is CaptureType.DATE and not _is_date(text):
            return None
        values[capture.name] = int(text) if capture.type is CaptureType.INT else text
    return values


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    out = []
    segments = parse_pattern(pattern)
    for index, segment in enumerate(segments):
        if segment is None:
            out.append("(?:.*/)?" if index < len(segments) - 1 else ".*")
            continue
        out += [_token_expression(token) for token in segment]
        if index < len(segments) - 1:
            out.append("/")
    return re.compile("".join(out))


def _token_expression(token: Token) -> str:
    match token:
        case Literal(text):
            return re.escape(text)
        case AnyCharacter():
            return "[^/]"
        case AnyText():
            return "[^/]*"
        case Capture(name, kind):
            return f"(?P<{name}>{_EXPRESSIONS[kind]})"
