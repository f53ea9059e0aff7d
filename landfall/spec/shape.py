"""Checks a file's values against its model and words what does not fit as faults."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from landfall.spec.faults import Fault, nearest, nearest_remedy
from landfall.spec.fields import PATTERN_FAULTS, kind_of
from landfall.spec.yaml_source import Key, Location, Mark

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}
# A key that has more places than this, its outermost alone, is told with none of them.
_HOMES_SHOWN = 3
_DEEPEST_HOME = 4
_EMPTY = frozenset({"too_short", "string_too_short"})
_TOO_MUCH = frozenset({"too_long", "string_too_long"})


def shape_faults(
    model: type[BaseModel], error: ValidationError, data: Any, mark: Mark
) -> list[tuple[Location, Fault]]:
    """Return the faults of a validation with the places in ``data`` they concern.

    Args:
        model: The model that was validated against.
        error: What pydantic found.
        data: The values of the file.
        mark: Where they stand.
    """
    details = error.errors(include_url=False)
    misspelt = {
        (detail["loc"][:-1], nearest(str(detail["loc"][-1]), _known_keys(model, detail["loc"][:-1])))
        for detail in details
        if detail["type"] == "extra_forbidden"
    }
    found = []
    for detail in details:
        loc = detail["loc"]
        is_missing = detail["type"] == "missing"
        if is_missing and (loc[:-1], loc[-1]) in misspelt:
            continue  # the fault of the misspelt key says it already
        location = _real_location(loc, data, keep_last=is_missing)
        if detail["input"] is None and location and isinstance(location[-1], str):
            continue  # empty_keys says it, also where the model would take nothing for an answer
        place = mark.at(location)
        code, message, remedy = _words(model, detail, location)
        found.append((location, place.fault(code, message, remedy)))
    return found


def empty_keys(data: Any, mark: Mark, at: Location = ()) -> Iterator[tuple[Location, Fault]]:
    """Yield a fault for each key without a value, such as ``layer:`` with nothing behind it."""
    if isinstance(data, dict):
        for key, value in data.items():
            if value is None:
                place = mark.at((*at, key))
                message = f"key '{key}' has no value"
                remedy = "write one behind it, or remove the key"
                if key.count(")") > key.count("("):
                    # {type: decimal(10,2)} is read as two keys.
                    remedy = 'quote a text that holds a comma, as in "decimal(10,2)"'
                yield (*at, key), place.fault("LF1021", message, remedy)
            else:
                yield from empty_keys(value, mark, (*at, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from empty_keys(value, mark, (*at, index))


def without_extensions(data: Any) -> Any:
    """Return the values of a file without the keys that start with ``x-``."""
    if isinstance(data, dict):
        return {key: without_extensions(value) for key, value in data.items() if not key.startswith("x-")}
    if isinstance(data, list):
        return [without_extensions(value) for value in data]
    return data


def _real_location(loc: Sequence[Key], data: Any, *, keep_last: bool) -> Location:
    """Return a pydantic location without the tags of unions.

    Args:
        loc: The location as pydantic gives it.
        data: The values of the file.
        keep_last: Whether the last key stays although nothing stands there, as for a missing key.
    """
    location: list[Key] = []
    for index, key in enumerate(loc):
        is_in_mapping = isinstance(data, Mapping) and key in data
        if is_in_mapping or (isinstance(data, list) and isinstance(key, int)):
            data = data[key]
            location.append(key)
        elif keep_last and index == len(loc) - 1:
            location.append(key)
    return tuple(location)


def _words(model: type[BaseModel], detail: ErrorDetails, location: Location) -> tuple[str, str, str]:
    """Return code, message and remedy of one pydantic error."""
    kind = detail["type"]
    context = detail.get("ctx", {})
    key = _key_name(location)
    if kind.startswith("LF"):
        return kind, context["message"], context["remedy"]
    if kind == "missing":
        return "LF1021", f"key '{key}' is missing", f"add {key}:"
    if kind == "extra_forbidden":
        known = _known_keys(model, detail["loc"][:-1])
        what = "step" if "select" in known else "key"
        return "LF1020", f"unknown {what} '{key}'", _remedy_of_unknown(model, str(key), known)
    if kind in ("enum", "literal_error"):
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return (
            "LF1021",
            f"{key} cannot be {_quoted(detail['input'])}",
            nearest_remedy(str(detail["input"]), allowed),
        )
    if kind == "union_tag_invalid":
        allowed = re.findall(r"'([^']*)'", context["expected_tags"])
        return "LF1021", f"unknown check '{context['tag']}'", nearest_remedy(context["tag"], allowed)
    if kind == "union_tag_not_found":
        return "LF1021", "key 'check' is missing", "add check:"
    if kind == "string_pattern_mismatch":
        code, message, remedy = PATTERN_FAULTS[context["pattern"]]
        return code, f"{_quoted(detail['input'])} {message}", remedy
    return _words_of_value(kind, context, key, detail["input"])


def _words_of_value(kind: str, context: Mapping[str, Any], key: str, value: Any) -> tuple[str, str, str]:
    if kind in _WANTED:
        wanted = _WANTED[kind]
        is_scalar = isinstance(value, (bool, int, float))
        remedy = "put it in quotes" if wanted == "text" and is_scalar else f"write {wanted}"
        return "LF1021", f"{key} must be {wanted}, not {kind_of(value)}", remedy
    if kind in _LIMITS:
        limit, word = _LIMITS[kind]
        bound = context[limit]
        return "LF1021", f"{key} cannot be {value}", f"write {word} {bound}"
    if kind in _EMPTY:
        return "LF1021", f"{key} is empty", "write at least one entry, or remove the key"
    if kind in _TOO_MUCH:
        return "LF1021", f"{key} is longer than {context['max_length']:,}", "split it"
    return "LF1021", f"{key} is not valid ({kind})", "see docs/product-file.md"


def _key_name(location: Location) -> str:
    """Return how to call a value: its key, or for an item of a list the key of the list."""
    for index, key in enumerate(reversed(location)):
        if isinstance(key, str):
            return key if index == 0 else f"an item of {key}"
    return "the file"


def _quoted(value: Any) -> str:
    text = str(value)
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


@lru_cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True)


def _known_keys(model: type[BaseModel], loc: Sequence[Key]) -> list[str]:
    """Return the keys that the object at a pydantic location may have, read off the model's JSON Schema."""
    schema = _schema(model)
    node: Mapping[str, Any] = schema
    for key in loc:
        node = _child(schema, node, key)
    return sorted({key for option in _options(schema, node) for key in option.get("properties", ())})


def _remedy_of_unknown(model: type[BaseModel], key: str, known: Sequence[str]) -> str:
    """Return the known key that is meant, else where in the file this one belongs, else the keys that are known."""
    homes = _homes(model).get(key, [])
    if len(homes) > _HOMES_SHOWN:
        homes = [home for home in homes if home.count(".") == homes[0].count(".")]
    is_elsewhere = 0 < len(homes) <= _HOMES_SHOWN
    return nearest_remedy(key, known, f"it is a key of {' and of '.join(homes)}" if is_elsewhere else "")


@lru_cache
def _homes(model: type[BaseModel]) -> Mapping[str, list[str]]:
    """Return the places of each key that a file may have, such as ``transformations.output.write``, outermost first."""
    schema = _schema(model)
    homes: dict[str, list[str]] = {}
    seen: set[tuple[tuple[str, ...], str]] = set()
    waiting: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), schema)]
    for path, node in waiting:
        for option in _options(schema, node):
            inner = option.get("items") or option.get("additionalProperties")
            if isinstance(inner, Mapping):
                waiting.append((path, inner))
            for key, child in option.get("properties", {}).items():
                if (path, key) not in seen and len(path) < _DEEPEST_HOME:
                    seen.add((path, key))
                    homes.setdefault(key, []).append(".".join(path) or "the file itself")
                    waiting.append(((*path, key), child))
    return homes


def _child(schema: Mapping[str, Any], node: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
    """Return the schema of what stands at ``key``, the same node where ``key`` is a tag of a union."""
    for option in _options(schema, node):
        if isinstance(key, int):
            if "items" in option:
                return dict(option["items"])
            continue
        if key in option.get("properties", ()):
            return dict(option["properties"][key])
        if option.get("properties", {}).get("check", {}).get("const") == key:
            return option
        if isinstance(option.get("additionalProperties"), Mapping):
            return dict(option["additionalProperties"])
        if "properties" not in option:
            # A mapping whose keys are names, such as the targets of a project; of others the patterns are of x- keys.
            for named in option.get("patternProperties", {}).values():
                return dict(named)
    return node


def _options(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    resolved = _resolved(schema, node)
    members = resolved.get("anyOf") or resolved.get("oneOf")
    if not members:
        yield resolved
        return
    for member in members:
        yield from _options(schema, member)


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]]
    return node
