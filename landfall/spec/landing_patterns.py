"""Checks landing patterns: which files below ``landing/{domain}/{product}/`` belong to a dataset.

``*`` stands for any characters within one folder or file name, ``?`` for one such character, and ``**`` as a
whole name for any number of folders. Everything else stands for itself; upper and lower case differ.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

_FORBIDDEN = re.compile(r"[\s%\\\[\]{}#:|<>\"'$&+;=@!,()^`]")


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern, ``None`` if it is sound."""
    forbidden = _FORBIDDEN.search(pattern)
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
        if segment.startswith(("_", ".")):
            return (
                f"'{segment}' starts with '{segment[0]}', and files and folders so named are never taken in"
            )
        if "**" in segment and segment != "**":
            return f"'**' must be a whole name between '/', not a part of '{segment}'"
    return None


def common_path(first: str, second: str) -> str | None:
    """Return a path that both patterns match, ``None`` if there is none.

    Walks both patterns at once over every pair of states that one path can reach: at most about
    ``len(first) * len(second)`` pairs.
    """
    # Rather a path in which every `*` stands for something: it reads like a file that may come.
    return _common(_states(first, least=1), _states(second, least=1)) or _common(
        _states(first), _states(second)
    )


def _common(left: list["_State"], right: list["_State"]) -> str | None:
    start = (0, 0)
    paths: dict[tuple[int, int], str] = {start: ""}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        if at == (len(left) - 1, len(right) - 1):
            return paths[at]
        for following, character in _moves(left, right, at):
            if following not in paths:
                paths[following] = paths[at] + character
                # A move without a character goes first, so that the path found is a short one.
                (waiting.append if character else waiting.appendleft)(following)
    return None


# Takes any character but '/'. A pattern holds no NUL.
_IN_NAME = "\0"


@dataclass(slots=True)
class _State:
    """One position in a pattern: where it goes with a character, and where without."""

    reads: list[tuple[str, int]] = field(default_factory=list)
    skips_to: int | None = None


def _states(pattern: str, *, least: int = 0) -> list[_State]:
    """Return the states of a pattern, its start first, its end last; ``least`` characters stand for a ``*``."""
    states: list[_State] = []
    segments = pattern.split("/")
    for index, segment in enumerate(segments):
        here = len(states)
        if segment == "**":
            # Between two folders, and inside the name of one.
            states.append(_State([(_IN_NAME, here + 1)], skips_to=here + 2))
            states.append(_State([(_IN_NAME, here + 1), ("/", here)]))
            continue
        for character in segment + ("/" if index < len(segments) - 1 else ""):
            here = len(states)
            if character == "*":
                states.extend(_State([(_IN_NAME, here + 1)]) for _ in range(least))
                here += least
                states.append(_State([(_IN_NAME, here)], skips_to=here + 1))
            else:
                states.append(_State([(_IN_NAME if character == "?" else character, here + 1)]))
    states.append(_State())
    return states


def _moves(
    left: list[_State], right: list[_State], at: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the pairs of states one step further, each with the character read (none where a side skips)."""
    one, two = left[at[0]], right[at[1]]
    if one.skips_to is not None:
        yield (one.skips_to, at[1]), ""
    if two.skips_to is not None:
        yield (at[0], two.skips_to), ""
    for a, left_next in one.reads:
        for b, right_next in two.reads:
            character = _common_character(a, b)
            if character is not None:
                yield (left_next, right_next), character


def _common_character(a: str, b: str) -> str | None:
    if a == b:
        return "x" if a == _IN_NAME else a
    for wild, other in ((a, b), (b, a)):
        if wild == _IN_NAME:
            return None if other == "/" else other
    return None
