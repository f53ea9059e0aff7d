"""The pinned plan: what one run executes, as canonical JSON with a hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NewType, Self

NodeKey = NewType("NodeKey", str)

# Characters; a long plan is not in memory a second time as bytes.
_HASHED_AT_ONCE = 1 << 16


class NodeKind(StrEnum):
    INGEST = "ingest"
    TRANSFORM = "transform"


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node of a plan.

    Attributes:
        key: ``ingest.{dataset}`` for a landed dataset, otherwise the transformation's name.
        output: The dataset it builds.
        inputs: Datasets it reads, as ``str(DatasetRef)``; empty for an ingest node.
        depends_on: Nodes of this plan that must succeed before it starts.
        definition: The node's share of a node spec that no attempt changes: ``kind``, ``source`` (format
            and options of an ingest node), ``inputs`` (name, dataset, layer, product, version), ``columns``, ``steps``,
            ``rules``, ``output`` (dataset, layer, write, columns) and ``load`` (of an incremental node, else
            ``None``); logical names, no addresses. ``run`` where the node has settings of its own, which its spec
            does not carry.
    """

    key: NodeKey
    kind: NodeKind
    output: str
    inputs: tuple[str, ...]
    depends_on: tuple[NodeKey, ...]
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of a product's graph that one run executes, upstreams first.

    Attributes:
        product: ``domain/product``.
        changed: Datasets whose new data started the run.
        left_out: Nodes downstream of what changed that cannot run yet, with the reason.
    """

    product: str
    metadata_version: int
    changed: tuple[str, ...]
    nodes: tuple[PlanNode, ...]
    left_out: Mapping[str, str]

    def with_ports_at(self, versions: Mapping[str, int | None]) -> Self:
        """Return the plan with the ports of other products pinned to versions of their tables.

        Args:
            versions: By ``str(DatasetRef)``; a port that is absent is read as it is when its node starts.
        """
        if not any(version is not None for version in versions.values()):
            return self
        return replace(self, nodes=tuple(_at_versions(node, versions) for node in self.nodes))

    def to_payload(self) -> dict[str, Any]:
        """Return the plan as plain JSON values; ``from_payload`` reads them back."""
        return {
            "product": self.product,
            "metadata_version": self.metadata_version,
            "changed": list(self.changed),
            "nodes": [
                {
                    "key": node.key,
                    "kind": node.kind.value,
                    "output": node.output,
                    "inputs": list(node.inputs),
                    "depends_on": list(node.depends_on),
                    "definition": node.definition,
                }
                for node in self.nodes
            ],
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        nodes = tuple(
            PlanNode(
                key=NodeKey(node["key"]),
                kind=NodeKind(node["kind"]),
                output=node["output"],
                inputs=tuple(node["inputs"]),
                depends_on=tuple(NodeKey(key) for key in node["depends_on"]),
                definition=node["definition"],
            )
            for node in payload["nodes"]
        )
        return cls(
            product=payload["product"],
            metadata_version=payload["metadata_version"],
            changed=tuple(payload["changed"]),
            nodes=nodes,
            left_out=dict(payload["left_out"]),
        )

    def canonical_json(self) -> str:
        """Return the plan as JSON without spaces: equal plans give equal text.

        Keys stand in the order in which the plan is built, which is always the same, and keys of a step's
        configuration as declared, because the columns that it yields follow their order.
        """
        return json.dumps(self.to_payload(), separators=(",", ":"), ensure_ascii=False)

    def sha256(self) -> str:
        return sha256_of(self.canonical_json())


def sha256_of(text: str) -> str:
    """Return the hash of a plan's canonical JSON."""
    digest = hashlib.sha256()
    for start in range(0, len(text), _HASHED_AT_ONCE):
        digest.update(text[start : start + _HASHED_AT_ONCE].encode())
    return digest.hexdigest()


def _at_versions(node: PlanNode, versions: Mapping[str, int | None]) -> PlanNode:
    """Return a node with the ports that it reads pinned; itself if it reads none of them."""
    if all(versions.get(name) is None for name in node.inputs):
        return node
    inputs = [
        {**item, "version": versions.get(name)}
        for name, item in zip(node.inputs, node.definition["inputs"], strict=True)
    ]
    return replace(node, definition={**node.definition, "inputs": inputs})
