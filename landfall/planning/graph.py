"""The graph of a product: its nodes, what each one needs, and an order that respects it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from landfall.errors import LandfallError
from landfall.planning.plan import NodeKey, NodeKind
from landfall.spec.model import DatasetName, DatasetRef, Product
from landfall.spec.references import reads_of


class CyclicDependency(LandfallError):
    """Nodes of a product wait for each other in a circle, so none of them could ever start."""

    code = "LF3001"

    def __init__(self, product: str, path: Sequence[NodeKey]) -> None:
        super().__init__(
            f"{product}: these nodes wait for each other in a circle: {' -> '.join(path)}. "
            "Take one of their inputs or depends_on entries away."
        )
        self.product = product
        self.path = tuple(path)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of a product's graph.

    Attributes:
        output: The dataset it builds.
        inputs: Datasets it reads, those that its rules look values up in included; empty for an ingest node.
        reads_from: Nodes that build its inputs: new data there is a reason to run this node.
        runs_after: Nodes that its ``depends_on`` names and whose output it does not read: they set the
            order when both run, and are no reason to run.
    """

    key: NodeKey
    kind: NodeKind
    output: DatasetName
    inputs: tuple[DatasetRef, ...] = ()
    reads_from: tuple[NodeKey, ...] = ()
    runs_after: tuple[NodeKey, ...] = ()

    @property
    def predecessors(self) -> tuple[NodeKey, ...]:
        return self.reads_from + self.runs_after


@dataclass(frozen=True, slots=True)
class Graph:
    """Every node of a product, predecessors first.

    Attributes:
        product: ``domain/product``.
        nodes: In topological order; nodes that become ready together stand as declared, landed datasets
            before transformations, so equal specs give equal orders.
    """

    product: str
    nodes: tuple[GraphNode, ...]


def ingest_key(dataset: str) -> NodeKey:
    """Return the key of the node that takes a landed dataset's files in."""
    return NodeKey(f"ingest.{dataset}")


def build_graph(product: Product) -> Graph:
    """Return the graph of a product, in time linear in its nodes and edges.

    Args:
        product: A product; a reference to nothing adds no edge, finding it is left to validation.

    Raises:
        CyclicDependency: Nodes wait for each other; the error holds one circle, first node repeated last.
    """
    return Graph(product.key, _in_order(product.key, _declared_nodes(product)))


def _declared_nodes(product: Product) -> list[GraphNode]:
    """Return one node per landed dataset and per transformation, as declared."""
    nodes = [
        GraphNode(ingest_key(dataset.name), NodeKind.INGEST, dataset.name)
        for dataset in product.datasets
        if dataset.landing is not None
    ]
    builders: dict[DatasetName, list[NodeKey]] = {}
    for node in nodes:
        builders.setdefault(node.output, []).append(node.key)
    for transformation in product.transformations:
        key = NodeKey(transformation.name)
        builders.setdefault(transformation.output.dataset, []).append(key)
    names = {transformation.name for transformation in product.transformations}
    reads = reads_of(product)
    for transformation in product.transformations:
        inputs = reads[transformation.name]
        own_inputs = (ref.dataset for ref in inputs if ref.product is None)
        reads_from = _distinct(key for dataset in own_inputs for key in builders.get(dataset, ()))
        read = set(reads_from)
        named = _distinct(NodeKey(name) for name in transformation.depends_on if name in names)
        nodes.append(
            GraphNode(
                key=NodeKey(transformation.name),
                kind=NodeKind.TRANSFORM,
                output=transformation.output.dataset,
                inputs=inputs,
                reads_from=reads_from,
                runs_after=tuple(key for key in named if key not in read),
            )
        )
    return nodes


def _distinct(keys: Iterable[NodeKey]) -> tuple[NodeKey, ...]:
    return tuple(dict.fromkeys(keys))


def _in_order(product: str, declared: Sequence[GraphNode]) -> tuple[GraphNode, ...]:
    """Return the nodes predecessors first.

    Source:
        A. B. Kahn, Topological sorting of large networks, CACM 5 (1962).
    """
    by_key = {node.key: node for node in declared}
    successors: dict[NodeKey, list[NodeKey]] = {key: [] for key in by_key}
    waiting_for: dict[NodeKey, int] = {}
    for node in declared:
        waiting_for[node.key] = len(node.predecessors)
        for predecessor in node.predecessors:
            successors[predecessor].append(node.key)

    ready = deque(node.key for node in declared if waiting_for[node.key] == 0)
    ordered: list[GraphNode] = []
    while ready:
        key = ready.popleft()
        ordered.append(by_key[key])
        for successor in successors[key]:
            waiting_for[successor] -= 1
            if waiting_for[successor] == 0:
                ready.append(successor)

    if len(ordered) < len(declared):
        stuck = {key: by_key[key] for key, count in waiting_for.items() if count > 0}
        raise CyclicDependency(product, _find_circle(stuck))
    return tuple(ordered)


def _find_circle(stuck: Mapping[NodeKey, GraphNode]) -> tuple[NodeKey, ...]:
    """Return one circle among nodes of which each waits for another one, in the order data would flow."""
    # Every stuck node has a stuck predecessor, so walking backwards must meet a node for the second time.
    step_of: dict[NodeKey, int] = {}
    key = next(iter(stuck))
    while key not in step_of:
        step_of[key] = len(step_of)
        key = next(predecessor for predecessor in stuck[key].predecessors if predecessor in stuck)
    circle = list(step_of)[step_of[key] :][::-1]
    # The node declared first opens the circle: the text is the same wherever the walk came in.
    declared = {name: position for position, name in enumerate(stuck)}
    start = min(range(len(circle)), key=lambda index: declared[circle[index]])
    return (*circle[start:], *circle[:start], circle[start])
