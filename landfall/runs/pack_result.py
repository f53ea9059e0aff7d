"""The pack result that a job leaves in ``control``: what it did with each node, one after the other.

What it keeps before its end are parts, each with the nodes of a while.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.planning.plan import NodeKey
from landfall.runs.node_result import UnreadableResult, check_node_result


@dataclass(frozen=True, slots=True)
class PackResult:
    """What a job did with a pack.

    Attributes:
        results: Node results by node; a node that the job did not come to has none.
        times: When it began and ended each of them.
    """

    results: Mapping[NodeKey, Mapping[str, Any]]
    times: Mapping[NodeKey, tuple[datetime, datetime]]


def parse_pack_result(text: str) -> PackResult:
    """Return a pack result of schema version 1.

    Raises:
        UnreadableResult: It is no JSON object, of another version, or a result in it is none.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UnreadableResult(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("schema_version") != 1 or "nodes" not in document:
        raise UnreadableResult("it is not the result of a pack, of schema version 1")
    results: dict[NodeKey, Mapping[str, Any]] = {}
    times: dict[NodeKey, tuple[datetime, datetime]] = {}
    for item in document["nodes"]:
        key = NodeKey(item["node"])
        results[key] = check_node_result(item["result"])
        times[key] = (datetime.fromisoformat(item["began_at"]), datetime.fromisoformat(item["ended_at"]))
    return PackResult(results, times)


def together(parts: Iterable[PackResult]) -> PackResult:
    """Return what stands in some parts, each node of which is in one."""
    results: dict[NodeKey, Mapping[str, Any]] = {}
    times: dict[NodeKey, tuple[datetime, datetime]] = {}
    for part in parts:
        results |= part.results
        times |= part.times
    return PackResult(results, times)
