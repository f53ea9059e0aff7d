"""The JSON paths that a product file may hold: names, numbers and all items of a list, as Data Factory reads them."""

import re
from typing import Any, Final

_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\['([^']+)'\]|\[(\d+)\]|(\[\*\])")


def found_at(value: Any, path: str | None) -> list[Any]:
    """Return what stands at a path, nothing if that is not there; a list that a path ends at gives its items.

    Args:
        path: Such as ``$.data.items`` or ``$['data'][0]``; ``None`` and ``$`` are the value itself.
    """
    found = [value]
    for name, quoted, number, everything in _STEP.findall((path or "$").removeprefix("$")):
        step = name or quoted
        if everything:
            found = [item for one in found if isinstance(one, list) for item in one]
        elif step:
            found = [one[step] for one in found if isinstance(one, dict) and step in one]
        else:
            found = [one[int(number)] for one in found if isinstance(one, list) and int(number) < len(one)]
    return [item for one in found for item in (one if isinstance(one, list) else [one])]
