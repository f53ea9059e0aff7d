"""Route templates of HTTP triggers: ``x/{id:int?}``, ``{*rest}`` and which of several routes wins."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"^\{(\*{1,2})?([A-Za-z_][A-Za-z0-9_]*)((?::[^?{}=]+(?:\([^)]*\))?)*)(=[^?{}]*)?(\?)?\}$"
)
_CONSTRAINT = re.compile(r":([a-z]+)(?:\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class _Segment:
    """A literal (``name`` is empty) or a parameter of a template."""

    literal: str = ""
    name: str = ""
    catch_all: bool = False
    optional: bool = False
    default: str | None = None
    constraints: tuple[Callable[[str], bool], ...] = ()

    @property
    def rank(self) -> int:
        """Literals win over constrained parameters, these over free ones, these over catch-alls."""
        if not self.name:
            return 0
        return 3 if self.catch_all else (1 if self.constraints else 2)


@dataclass(frozen=True, slots=True)
class Route:
    """A parsed template."""

    template: str
    segments: tuple[_Segment, ...]

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sort key: of two routes that match, the smaller one wins."""
        return tuple(segment.rank for segment in self.segments)

    def match(self, path: Sequence[str]) -> Mapping[str, str] | None:
        """Return the parameters for the percent-encoded segments of a path, ``None`` if it does not match."""
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.catch_all:
                rest = "/".join(unquote(part) for part in path[index:])
                if rest:
                    values[segment.name] = rest
                return values
            if index >= len(path):
                if segment.default is not None:
                    values[segment.name] = segment.default
                elif not segment.optional:
                    return None
                continue
            text = unquote(path[index])
            if not segment.name:
                if text.lower() != segment.literal.lower():
                    return None
            elif text and all(holds(text) for holds in segment.constraints):
                values[segment.name] = text
            else:
                return None
        return values if len(path) <= len(self.segments) else None


def parse_route(template: str) -> Route:
    """Return the route that a template stands for; a leading slash makes no difference.

    Raises:
        ValueError: A parameter or constraint is not understood.
    """
    parts = [part for part in template.strip("/").split("/") if part]
    return Route(template, tuple(_parse_segment(part, template) for part in parts))


def _parse_segment(part: str, template: str) -> _Segment:
    if "{" not in part:
        return _Segment(literal=part)
    match = _PARAMETER.match(part)
    if match is None:
        raise ValueError(
            f"route {template!r}: segment {part!r} is not understood; "
            "write {name}, {name?}, {name:int} or {*name}"
        )
    stars, name, constraints, default, optional = match.groups()
    return _Segment(
        name=name,
        catch_all=bool(stars),
        optional=bool(optional),
        default=default[1:] if default else None,
        constraints=tuple(
            _constraint(kind, argument, template) for kind, argument in _CONSTRAINT.findall(constraints or "")
        ),
    )


def _constraint(kind: str, argument: str, template: str) -> Callable[[str], bool]:
    if kind in _PATTERNS:
        pattern = re.compile(_PATTERNS[kind], re.IGNORECASE)
        return lambda text: pattern.fullmatch(text) is not None
    if kind == "regex":
        written = re.compile(argument, re.IGNORECASE)
        return lambda text: written.search(text) is not None
    bounds = [int(bound) for bound in argument.split(",")] if re.fullmatch(r"\d+(,\d+)?", argument) else []
    if kind in _MEASURES and len(bounds) in (1, 2):
        measure = _MEASURES[kind]
        return lambda text: measure(text, bounds)
    raise ValueError(f"route {template!r}: constraint {kind!r} is not understood")


_PATTERNS = {
    "int": r"-?\d{1,10}",
    "long": r"-?\d{1,19}",
    "alpha": r"[a-z]*",
    "bool": r"true|false",
    "decimal": r"-?\d+(\.\d+)?",
    "double": r"-?\d+(\.\d+)?(e[+-]?\d+)?",
    "float": r"-?\d+(\.\d+)?(e[+-]?\d+)?",
    "guid": r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}",
    "datetime": r"\d{4}-\d{2}-\d{2}([T ][0-9:.]+Z?)?",
    "required": r".+",
}
_MEASURES: dict[str, Callable[[str, list[int]], bool]] = {
    "length": lambda text, bounds: bounds[0] <= len(text) <= bounds[-1],
    "minlength": lambda text, bounds: len(text) >= bounds[0],
    "maxlength": lambda text, bounds: len(text) <= bounds[0],
    "min": lambda text, bounds: text.lstrip("-").isdigit() and int(text) >= bounds[0],
    "max": lambda text, bounds: text.lstrip("-").isdigit() and int(text) <= bounds[0],
    "range": lambda text, bounds: text.lstrip("-").isdigit() and bounds[0] <= int(text) <= bounds[-1],
}
