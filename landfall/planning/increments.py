"""What an incremental node last built from, and whether it may build from what is new since."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall.planning.definition import definition_hash


@dataclass(frozen=True, slots=True)
class BuiltFrom:
    """What a node last built from.

    Attributes:
        inputs: Version and stamp of each input by its name, as the node result had them.
    """

    definition_hash: str
    inputs: Mapping[str, Mapping[str, Any]]


def load_of(
    definition: Mapping[str, Any], versions: Mapping[str, int | None], built_from: BuiltFrom | None
) -> dict[str, Any] | None:
    """Return the ``load`` of a node spec: since when rows are new, or why everything is read.

    Args:
        definition: The node's definition from the pinned plan.
        versions: The version of each input that the node reads, by the input's name.

    Returns:
        ``None`` for a node that is not incremental.
    """
    load = definition["load"]
    if load is None:
        return None
    reason = _why_everything(definition, versions, built_from)
    first = definition["inputs"][0]["name"]
    since = built_from.inputs[first] if built_from is not None and not reason else None
    return {"since": since, "reason": reason, "groups": load["groups"], "restate": load["restate"]}


def _why_everything(
    definition: Mapping[str, Any], versions: Mapping[str, int | None], built_from: BuiltFrom | None
) -> str:
    if definition["load"]["full"]:
        return "it was asked for"
    if built_from is None:
        return "nothing was built before"
    if built_from.definition_hash != definition_hash(definition):
        return "its definition has changed since it was built last"
    first, *others = definition["inputs"]
    known = built_from.inputs.get(first["name"], {})
    if known.get("version") is None or known.get("stamp") is None:
        return f"nobody knows which version of {first['name']} was built from last"
    tolerated = set(definition["load"]["tolerate"])
    for item in others:
        name = item["name"]
        before = built_from.inputs.get(name, {}).get("version")
        if name not in tolerated and (before is None or before != versions.get(name)):
            return f"{name} has changed since it was built last"
    return ""
