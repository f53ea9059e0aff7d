"""Datetime patterns of source files: the letters that every Spark engine is made to read alike."""

import re

_RUNS = {
    "year": ("yyyy", "yy"),
    "month": ("MM", "M", "MMM", "MMMM"),
    "day": ("dd", "d"),
    "hour": ("HH", "H", "hh", "h"),
    "minute": ("mm", "m"),
    "second": ("ss", "s"),
    "fraction": tuple("S" * digits for digits in range(1, 7)),
    "half": ("a",),
    "offset": ("X", "XX", "XXX", "Z", "xx", "xxx"),
}
_PARTS = {run: part for part, runs in _RUNS.items() for run in runs}
_PIECE = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|.", re.DOTALL)


def pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a datetime pattern, or ``None``; it must give a whole date."""
    found: dict[str, str] = {}
    for piece in _PIECE.finditer(pattern):
        if piece[1] is None:
            continue
        part = _PARTS.get(piece[0])
        if part is None:
            return f"'{pattern}': '{piece[0]}' is not understood"
        if part in found:
            return f"'{pattern}' has its {part} twice"
        found[part] = piece[0]
    missing = [part for part in ("year", "month", "day") if part not in found]
    if missing:
        return f"'{pattern}' lacks {' and '.join(missing)}"
    hour = found.get("hour", "")
    if hour.startswith("h") != ("half" in found):
        return f"'{pattern}' must have h together with a, or H alone"
    if not hour and found.keys() & {"minute", "second", "fraction", "offset"}:
        return f"'{pattern}' has a time of day without its hour"
    return None
