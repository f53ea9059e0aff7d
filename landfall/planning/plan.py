"""The pinned plan: what one run executes, with a hash over its canonical JSON."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NewType, Self

NodeKey = NewType("NodeKey", str)
Definition = Mapping[str, Any]


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
        layer: That of the dataset it builds.
        pinned: Gives the definition of the node with a key. It is made, or read, whenever it is asked for: a plan of
            ten thousand nodes is in memory, all that they pin is not. Two nodes that differ only there are equal.
    """

    key: NodeKey
    kind: NodeKind
    output: str
    inputs: tuple[str, ...]
    depends_on: tuple[NodeKey, ...]
    layer: str
    pinned: Callable[[NodeKey], Definition] = field(compare=False, repr=False)

    @property
    def definition(self) -> Definition:
        """The node's share of a node spec that no attempt changes.

        ``kind``, ``source`` (format and options of an ingest node), ``inputs`` (name, dataset, layer, product,
        version), ``columns``, ``steps``, ``rules``, ``output`` (dataset, layer, write, columns) and ``load`` (of an
        incremental node, else ``None``); logical names, no addresses. ``run`` where the node has settings of its own,
        which its spec does not carry.
        """
        return self.pinned(self.key)


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
        """Return the plan as plain JSON values, definitions included."""
        return {
            **_head_of_plan(self),
            "nodes": [{**_head_of_node(node), "definition": node.definition} for node in self.nodes],
            "left_out": dict(sorted(self.left_out.items())),
        }

    def sha256(self) -> str:
        digest = PlanDigest(self)
        for node in self.nodes:
            digest.add(node, definition_text(node.definition))
        return digest.hexdigest()


class PlanDigest:
    """The hash of a plan: of its JSON without spaces, which is never in memory as a whole.

    Equal plans give equal text: keys stand in the order in which the plan is built, which is always the same, and keys
    of a step's configuration as declared, because the columns that it yields follow their order.
    """

    def __init__(self, plan: Plan) -> None:
        self._left_out = dict(sorted(plan.left_out.items()))
        self._digest = hashlib.sha256(f'{_text(_head_of_plan(plan))[:-1]},"nodes":['.encode())
        self._comma = ""

    def add(self, node: PlanNode, definition: str) -> None:
        """Take in the next node of the plan, with its definition as ``definition_text`` writes it."""
        self._digest.update(
            f'{self._comma}{_text(_head_of_node(node))[:-1]},"definition":{definition}}}'.encode()
        )
        self._comma = ","

    def hexdigest(self) -> str:
        """Return the hash; every node has been taken in."""
        digest = self._digest.copy()
        digest.update(f'],"left_out":{_text(self._left_out)}}}'.encode())
        return digest.hexdigest()


def definition_text(definition: Definition) -> str:
    """Return a definition as it is stored: JSON without spaces, its keys as they stand."""
    return _text(definition)


def _head_of_plan(plan: Plan) -> dict[str, Any]:
    return {
        "product": plan.product,
        "metadata_version": plan.metadata_version,
        "changed": list(plan.changed),
    }


def _head_of_node(node: PlanNode) -> dict[str, Any]:
    return {
        "key": node.key,
        "kind": node.kind.value,
        "output": node.output,
        "inputs": list(node.inputs),
        "depends_on": list(node.depends_on),
    }


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class _AtVersions:
    """Gives the definition of a node with the ports that it reads pinned."""

    node: PlanNode
    versions: Mapping[str, int | None]

    def __call__(self, key: NodeKey) -> Definition:
        definition = self.node.pinned(key)
        inputs = [
            {**item, "version": self.versions.get(name)}
            for name, item in zip(self.node.inputs, definition["inputs"], strict=True)
        ]
        return {**definition, "inputs": inputs}


def _at_versions(node: PlanNode, versions: Mapping[str, int | None]) -> PlanNode:
    """Return a node with the ports that it reads pinned; itself if it reads none of them."""
    if all(versions.get(name) is None for name in node.inputs):
        return node
    return replace(node, pinned=_AtVersions(node, versions))
