"""What landing patterns match, as sets of paths: whether two have a path in common, and which is more specific."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from landfall.spec.landing_patterns import (
    MOST_DIGITS,
    AnyCharacter,
    AnyText,
    Capture,
    CaptureType,
    Literal,
    Token,
    parse_pattern,
)

# Classes of characters: any but '/', and digits. A pattern holds neither NUL nor SOH.
_IN_NAME = "\0"
_DIGIT = "\1"
_DIGITS = "0123456789"
# Stands for all characters that neither of two patterns names; not in any of them.
_OTHER = "\uffff"
# Pairs of positions that a comparison looks at; beyond, patterns count as neither being more specific.
_MOST_PAIRS = 20_000


def common_path(first: str, second: str) -> str | None:
    """Return a path that both patterns match, ``None`` if there is none.

    Walks both patterns at once over every pair of states that one path can reach: at most about
    ``len(first) * len(second)`` pairs.
    """
    # Rather a path in which every `*` stands for something: it reads like a file that may come.
    return _common(_states(first, least=1), _states(second, least=1)) or _common(
        _states(first), _states(second)
    )


def is_more_specific(one: str, other: str) -> bool:
    """Return whether every path that ``one`` matches is matched by ``other`` too, and not the other way round."""
    return _includes(other, one) and not _includes(one, other)


def _includes(general: str, special: str) -> bool:
    """Return whether ``general`` matches every path that ``special`` matches.

    Walks the states of ``special`` together with the set of states that ``general`` can be in, one character of
    each kind at a time.
    """
    left, right = _states(special), _states(general)
    named = {character for character, _ in _reads([*left, *right])} - {_IN_NAME, _DIGIT}
    alphabet = sorted(named | set(_DIGITS) | {"/", _OTHER})
    # The last part says whether a name begins here: no path holds an empty one.
    start = (_closure(left, {0}), _closure(right, {0}), True)
    seen = {start}
    waiting = deque([start])
    while waiting:
        ours, theirs, begins = waiting.popleft()
        if len(left) - 1 in ours and len(right) - 1 not in theirs and not begins:
            return False
        for character in alphabet:
            if begins and character == "/":
                continue
            following = (_after(left, ours, character), _after(right, theirs, character), character == "/")
            if not following[0] or following in seen:
                continue
            if len(seen) >= _MOST_PAIRS:
                return False
            seen.add(following)
            waiting.append(following)
    return True


@dataclass(slots=True)
class _State:
    """One position in a pattern: where it goes with a character, and where without."""

    reads: list[tuple[str, int]] = field(default_factory=list)
    skips_to: int | None = None


def _states(pattern: str, *, least: int = 0) -> list[_State]:
    """Return the states of a pattern, its start first, its end last; ``least`` characters stand for a ``*``."""
    states: list[_State] = []
    segments = parse_pattern(pattern)
    for index, segment in enumerate(segments):
        here = len(states)
        if segment is None:
            # Between two folders, and inside the name of one.
            states.append(_State([(_IN_NAME, here + 1)], skips_to=here + 2))
            states.append(_State([(_IN_NAME, here + 1), ("/", here)]))
            continue
        for token in segment:
            _add(states, token, least)
        if index < len(segments) - 1:
            states.append(_State([("/", len(states) + 1)]))
    states.append(_State())
    return states


def _add(states: list[_State], token: Token, least: int) -> None:
    match token:
        case Literal(text):
            for character in text:
                states.append(_State([(character, len(states) + 1)]))
        case AnyCharacter():
            states.append(_State([(_IN_NAME, len(states) + 1)]))
        case AnyText():
            _add_repeated(states, _IN_NAME, least)
        case Capture(type=CaptureType.TEXT):
            _add_repeated(states, _IN_NAME, 1)
        case Capture(type=CaptureType.INT):
            end = len(states) + MOST_DIGITS
            for number in range(MOST_DIGITS):
                here = len(states)
                states.append(_State([(_DIGIT, here + 1)], skips_to=end if number else None))
        case Capture(type=CaptureType.DATE):
            for character in "dddd-dd-dd":
                here = len(states)
                states.append(_State([(_DIGIT if character == "d" else "-", here + 1)]))


def _add_repeated(states: list[_State], kind: str, least: int) -> None:
    for _ in range(least):
        states.append(_State([(kind, len(states) + 1)]))
    here = len(states)
    states.append(_State([(kind, here)], skips_to=here + 1))


def _common(left: list[_State], right: list[_State]) -> str | None:
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
        return {_IN_NAME: "x", _DIGIT: "1"}.get(a, a)
    for wild, other in ((a, b), (b, a)):
        if wild == _IN_NAME:
            return {"/": None, _DIGIT: "1"}.get(other, other)
        if wild == _DIGIT and other in _DIGITS:
            return other
    return None


def _reads(states: Iterable[_State]) -> Iterator[tuple[str, int]]:
    for state in states:
        yield from state.reads


def _closure(states: list[_State], at: Iterable[int]) -> frozenset[int]:
    """Return the states that can be reached from ``at`` without a character."""
    found = set(at)
    waiting = list(found)
    while waiting:
        following = states[waiting.pop()].skips_to
        if following is not None and following not in found:
            found.add(following)
            waiting.append(following)
    return frozenset(found)


def _after(states: list[_State], at: frozenset[int], character: str) -> frozenset[int]:
    return _closure(
        states,
        (
            following
            for position in at
            for kind, following in states[position].reads
            if kind == character
            or (kind == _IN_NAME and character != "/")
            or (kind == _DIGIT and character in _DIGITS)
        ),
    )
