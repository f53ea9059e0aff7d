"""A pack: nodes that share a job and are executed one after another in its session, each with a result of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from spark_runtime.errors import FaultKind, InvalidNodeSpec
from spark_runtime.failures import Failure
from spark_runtime.input_spec import TableInput
from spark_runtime.result import NodeResult, NodeStatus
from spark_runtime.spec import NodeSpec, parse_node_spec

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PackNode:
    """One node of a pack.

    Attributes:
        after: Nodes of the pack that have to succeed before it.
        refused: Why it is not to be executed; its result says so.
    """

    spec: NodeSpec
    after: tuple[str, ...]
    refused: Failure | None = None


@dataclass(frozen=True, slots=True)
class PackSpec:
    """Nodes in the order in which they are executed.

    Attributes:
        fails_fast: Whether no further node is begun after one that failed.
        keep_every: Results that are older than this are written before the next node begins; those of all nodes
            at the end.
        parts_uri: Folder for what is written before the end.
    """

    run_id: str
    pack: str
    nodes: tuple[PackNode, ...]
    fails_fast: bool
    keep_every: timedelta
    parts_uri: str
    result_uri: str


@dataclass(frozen=True, slots=True)
class Executed:
    """A node that was executed, and when."""

    result: NodeResult
    began_at: datetime
    ended_at: datetime


def find_pack(text: str) -> PackSpec | None:
    """Return the pack that a spec is of; ``None`` if it is of one node, or no JSON at all.

    Raises:
        InvalidNodeSpec: See ``parse_pack_spec``.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return parse_pack_spec(document) if isinstance(document, dict) and "pack" in document else None


def parse_pack_spec(document: Mapping[str, Any]) -> PackSpec:
    """Return the spec of a pack; each of its nodes has the document of ``node_spec.schema.json``.

    Raises:
        InvalidNodeSpec: The document breaks ``pack_spec.schema.json``, or the spec of a node is not valid.
    """
    try:
        if document["schema_version"] != SCHEMA_VERSION:
            raise InvalidNodeSpec(
                f"$.schema_version: {document['schema_version']!r} is not understood, only {SCHEMA_VERSION}; "
                "install the spark_runtime of this release"
            )
        return PackSpec(
            run_id=document["run_id"],
            pack=document["pack"],
            nodes=tuple(_node(item) for item in document["nodes"]),
            fails_fast=document["fails_fast"],
            keep_every=timedelta(seconds=document["keep_every_s"]),
            parts_uri=document["parts_uri"],
            result_uri=document["result_uri"],
        )
    except (KeyError, TypeError) as error:
        raise InvalidNodeSpec(f"the spec of the pack is not valid: {error!r}") from error


def _node(item: Mapping[str, Any]) -> PackNode:
    refused = item["refused"]
    return PackNode(
        spec=parse_node_spec(json.dumps(item["spec"])),
        after=tuple(item["after"]),
        refused=None if refused is None else Failure(refused["code"], FaultKind.DATA, refused["message"]),
    )


def run_pack(
    spec: PackSpec,
    execute: Callable[[NodeSpec], NodeResult],
    write: Callable[[str, str], None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Executed]:
    """Execute the nodes of a pack one after another, write their results and return those that were begun.

    A node whose predecessor in the pack did not succeed is passed over. What a node reads of the pack is the version
    that its predecessor has just written.

    Args:
        execute: Builds one node; a failure is a result as well.
        write: Writes a text into a folder. What has been written before the next node begins is not lost with the
            process, whatever ends it; as a write may take longer than a small node, those of a while share one.
    """
    executed: list[Executed] = []
    kept, kept_at = 0, now()
    succeeded: dict[str, NodeResult] = {}
    for node in spec.nodes:
        if not succeeded.keys() >= set(node.after):
            continue
        began_at = now()
        if executed[kept:] and began_at - kept_at >= spec.keep_every:
            write(f"{spec.parts_uri}/{kept + 1}", pack_result(spec, executed[kept:]))
            kept, kept_at = len(executed), now()
            began_at = kept_at
        if node.refused is not None:
            result = NodeResult(node.spec, NodeStatus.FAILED, error=node.refused)
        else:
            result = execute(_reading(node.spec, [succeeded[key] for key in node.after]))
        executed.append(Executed(result, began_at, now()))
        if result.status is NodeStatus.SUCCEEDED:
            succeeded[node.spec.node] = result
        elif spec.fails_fast:
            break
    write(spec.result_uri, pack_result(spec, executed))
    return executed


def pack_result(spec: PackSpec, executed: Sequence[Executed]) -> str:
    """Return the document of ``pack_result.schema.json`` on one line."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "run_id": spec.run_id,
            "pack": spec.pack,
            "nodes": [
                {
                    "node": item.result.spec.node,
                    "began_at": item.began_at.isoformat(),
                    "ended_at": item.ended_at.isoformat(),
                    "result": item.result.to_document(),
                }
                for item in executed
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _reading(spec: NodeSpec, before: list[NodeResult]) -> NodeSpec:
    """Return a spec that reads the tables which nodes before it have written, as they left them."""
    written = {result.output.uri: result.output.version for result in before if result.output is not None}
    return replace(
        spec,
        inputs=tuple(
            replace(item, version=written[item.uri])
            if isinstance(item, TableInput) and item.uri in written
            else item
            for item in spec.inputs
        ),
    )
