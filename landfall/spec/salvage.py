"""Takes the faulty parts out of a product file, so that the rest can be checked in the same go.

What is left is never handed out as a product; it only tells more of what is wrong.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from landfall.spec.column_types import UNKNOWN_TYPE
from landfall.spec.yaml_source import Key, Location, Mark

_LISTS = ("sources", "datasets", "transformations", "ports", "service_levels")
# Stands in for a faulty part that every product must have.
_PLACEHOLDERS: Mapping[str, Any] = {
    "api_version": "landfall/v1",
    "domain": "unknown",
    "name": "unknown",
    "owner": {"team": "unknown", "email": "unknown@unknown.example"},
}


def without_faulty(
    data: Mapping[str, Any], mark: Mark, faulty: Iterable[Location]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values without their faulty parts, and the names that went with them.

    A faulty rule goes alone, a column of an unknown type gets another; what else is wrong with an item of a list
    takes the item along. The marks are changed to match.

    Args:
        data: The values of the file, which stay as they are.
        mark: Where they stand.
        faulty: Places of the faults.
    """
    sound: dict[str, Any] = copy.deepcopy(dict(data))
    dropped: set[Location] = set()
    for location in faulty:
        match location:
            case (str(section), int(index), "quality", int(number), *_):
                dropped.add((section, index, "quality", number))
            case ("datasets", int(index), "columns", int(number), "type"):
                sound["datasets"][index]["columns"][number]["type"] = UNKNOWN_TYPE
            case (str(section), int(index), *_) if section in _LISTS:
                dropped.add((section, index))
            case (str(section), *_) if section in _PLACEHOLDERS:
                sound[section] = _PLACEHOLDERS[section]
            case (str(section), *_):
                sound.pop(section, None)
    names = {name for place in dropped if len(place) == 2 for name in _names_of(_at(sound, place))}
    # The innermost and last go first, so that the places of the others still hold.
    for place in sorted(
        dropped, key=lambda place: (len(place), str(place[0]), place[1], place[-1]), reverse=True
    ):
        items = _at(sound, place[:-1])
        if isinstance(items, list):
            _drop(items, mark.at(place[:-1]), place[-1])
    return sound, frozenset(names)


def _at(data: Any, place: Location) -> Any:
    for key in place:
        if not isinstance(data, (dict, list)):
            return None
        data = data[key] if isinstance(data, list) or key in data else None  # type: ignore[index]
    return data


def _drop(items: list[Any], mark: Mark, index: Key) -> None:
    assert isinstance(index, int)  # noqa: S101  only items of lists are dropped
    kept = [old for old in range(len(items)) if old != index]
    mark.children = {new: mark.children[old] for new, old in enumerate(kept) if old in mark.children}
    del items[index]


def _names_of(item: Any) -> Iterator[str]:
    """Yield the names a faulty object would have introduced: its own and that of its output."""
    if not isinstance(item, dict):
        return
    output = item.get("output")
    for name in (item.get("name"), output.get("dataset") if isinstance(output, dict) else None):
        if isinstance(name, str):
            yield name
