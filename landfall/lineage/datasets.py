"""Which datasets a run reads and writes: the edges between datasets that its nodes imply."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from landfall.planning.plan import NodeKey, NodeKind


@dataclass(frozen=True, slots=True)
class DatasetEdge:
    """Data flows from one dataset to another.

    Attributes:
        node: The node that reads ``source`` and writes ``target``.
        source: Full name of a dataset, see ``full_name``, or of its landed files, see ``landing_name``.
        target: Full name of a dataset.
        pinned: Version of ``source`` that the plan says, where another product builds it.
    """

    node: NodeKey
    source: str
    target: str
    pinned: int | None = None


def full_name(product: str, dataset: str) -> str:
    """Return the name of a dataset that is unique in the whole mesh: ``domain/product.dataset``.

    A port's version is no part of it, so that what one product writes and another reads has one name.
    """
    return f"{product}.{dataset}"


def quarantine_name(dataset: str) -> str:
    """Return the full name of the table that holds the refused rows of a dataset, given its full name."""
    return f"quarantine/{dataset}"


def landing_name(dataset: str) -> str:
    """Return the full name of the files that landed for a dataset, given its full name."""
    return f"landing/{dataset}"


def dataset_edges(
    product: str, definitions: Iterable[tuple[NodeKey, Mapping[str, Any]]]
) -> tuple[DatasetEdge, ...]:
    """Return the edges of a run, each pair of datasets once.

    An ingest node reads landed files; the ledger says which.

    Args:
        product: ``domain/product``.
        definitions: Those of the nodes, upstreams first; one is looked at after the other, and none is kept.
    """
    edges: dict[tuple[str, str], DatasetEdge] = {}
    for key, definition in definitions:
        target = full_name(product, definition["output"]["dataset"])
        if definition["kind"] == NodeKind.INGEST:
            found = [DatasetEdge(key, landing_name(target), target)]
        else:
            found = [
                DatasetEdge(
                    key,
                    full_name(item["product"], item["dataset"]),
                    target,
                    None if item["product"] == product else item["version"],
                )
                for item in definition["inputs"]
            ]
        for edge in found:
            edges.setdefault((edge.source, edge.target), edge)
    return tuple(edges.values())
