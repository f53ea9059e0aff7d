"""How figures are written on pages; instants are written by the macro ``when`` and, for the viewer, by times.js."""

import json
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``; nothing for ``None``."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def count(number: float | None) -> str:
    """Return a number with its thousands apart; nothing for ``None``."""
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.4g}"


def size(number_bytes: int | None) -> str:
    """Return a size in the largest unit that leaves at least 1; nothing for ``None``."""
    if number_bytes is None:
        return ""
    scaled = float(number_bytes)
    for unit in _UNITS:
        if scaled < 1024 or unit == _UNITS[-1]:
            return f"{number_bytes} B" if unit == "B" else f"{scaled:.1f} {unit}"
        scaled /= 1024
    raise AssertionError("the last unit takes everything")


def share(part: float | None) -> str:
    """Return a share from 0 to 1 in per cent; what is not nothing is never written as 0."""
    if part is None:
        return ""
    if 0 < part < 0.0001:
        return "< 0.01 %"
    return f"{part * 100:.2f} %"


def pretty_json(value: Any) -> str:
    """Return a JSON value over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, its middle left out where it is longer: ends tell names apart."""
    if len(text) <= most:
        return text
    before = (most - 1) * 3 // 5
    return f"{text[:before]}…{text[len(text) - (most - 1 - before) :]}"
