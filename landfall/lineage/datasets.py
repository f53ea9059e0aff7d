"""Which datasets a run reads and writes: the edges between datasets that its plan implies."""

from dataclasses import dataclass

from landfall.planning.plan import NodeKey, NodeKind, Plan


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


def dataset_edges(plan: Plan) -> tuple[DatasetEdge, ...]:
    """Return the edges of a plan, upstreams first, each pair of datasets once.

    An ingest node reads landed files; the ledger says which.
    """
    edges: dict[tuple[str, str], DatasetEdge] = {}
    for node in plan.nodes:
        target = full_name(plan.product, node.output)
        if node.kind is NodeKind.INGEST:
            found = [DatasetEdge(node.key, landing_name(target), target)]
        else:
            found = [
                DatasetEdge(
                    node.key,
                    full_name(item["product"], item["dataset"]),
                    target,
                    None if item["product"] == plan.product else item["version"],
                )
                for item in node.definition["inputs"]
            ]
        for edge in found:
            edges.setdefault((edge.source, edge.target), edge)
    return tuple(edges.values())
