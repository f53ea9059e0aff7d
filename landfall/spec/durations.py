"""Durations as people write them: ``500ms``, ``5s``, ``1m``, ``2h``, ``7d``."""

import re

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: ``text`` is not a number followed by ``ms``, ``s``, ``m``, ``h`` or ``d``.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration such as 500ms, 5s, 1m, 2h or 7d")
    return float(match[1]) * _SECONDS[match[2]]
