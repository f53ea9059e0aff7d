"""What one run executes: the nodes downstream of what changed, and why others are left out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import Graph, GraphNode, build_graph, ingest_key
from landfall.planning.plan import Definition, NodeKey, NodeKind, Plan, PlanNode
from landfall.spec.model import Layer, Product


@dataclass(frozen=True, slots=True)
class Selection:
    """The nodes of a run, predecessors first, and those that cannot run yet with the reason."""

    nodes: tuple[GraphNode, ...]
    left_out: Mapping[str, str]


def make_plan(
    product: Product,
    *,
    metadata_version: int,
    changed: Collection[str],
    published: Collection[str],
    rebuild: bool = False,
    full: bool = False,
    port_layers: Mapping[str, Layer] | None = None,
) -> Plan:
    """Return the plan of one run: values in, a value out, in time linear in nodes and edges.

    Args:
        product: The metadata that the run pins.
        metadata_version: Its version.
        changed: Datasets with new data, as ``str(DatasetRef)``. A landed dataset named here brings its
            ingest node, so name only those whose files the run has claimed. A dataset that a
            transformation builds, or a foreign port, stands for data that is already in its table.
        published: Datasets that have been written at least once, foreign ports included, as ``str(DatasetRef)``.
        rebuild: Start at every transformation and not only downstream of ``changed``. Together with an empty
            ``changed`` this builds the product again from what is published, without any landed file.
        full: Have incremental nodes read everything for once.
        port_layers: Layer of each foreign port, by ``str(DatasetRef)``; the own product file does not say it.

    Returns:
        A plan that does not depend on the order of ``changed`` and ``published``. A name in ``changed``
        that the product does not know is in ``left_out``: metadata may change while files wait, and
        the caller has to settle those files rather than fail for ever.

    Raises:
        CyclicDependency: Nodes wait for each other in a circle.
    """
    graph = build_graph(product)
    selection = select_nodes(graph, changed=changed, published=published, rebuild=rebuild)
    definitions = NodeDefinitions(product, port_layers or {}, full=full)
    chosen = {node.key: node for node in selection.nodes}
    position = {key: number for number, key in enumerate(chosen)}
    waits_for = {
        # In the order of the plan, whatever the order of inputs: so the plan that is read back is the same.
        node.key: tuple(sorted((key for key in node.predecessors if key in chosen), key=position.__getitem__))
        for node in selection.nodes
    }

    def pinned(key: NodeKey) -> Definition:
        return definitions.of(chosen[key])

    return Plan(
        product=product.key,
        metadata_version=metadata_version,
        changed=tuple(sorted(set(changed))),
        nodes=tuple(
            PlanNode(
                key=node.key,
                kind=node.kind,
                output=node.output,
                inputs=tuple(str(ref) for ref in node.inputs),
                depends_on=waits_for[node.key],
                layer=definitions.layer_of(node).value,
                pinned=pinned,
            )
            for node in selection.nodes
        ),
        left_out=selection.left_out,
    )


def select_nodes(
    graph: Graph, *, changed: Collection[str], published: Collection[str], rebuild: bool = False
) -> Selection:
    """Return the nodes that new data reaches and that can run; the arguments are those of ``make_plan``."""
    new_data = frozenset(changed)
    progress = _Progress(available=set(published))
    chosen: list[GraphNode] = []
    for node in graph.nodes:
        if node.kind is NodeKind.INGEST:
            if node.output in new_data:
                chosen.append(node)
                progress.built(node)
            continue
        inputs = [str(ref) for ref in node.inputs]
        reached = [name for name in inputs if name in progress.reached or name in new_data]
        if not (rebuild or reached):
            continue
        missing = [name for name in inputs if name not in progress.available]
        if missing:
            progress.leave_out(node, _why_missing(missing, progress))
        elif rebuild or any(name in progress.built_here or name in new_data for name in reached):
            chosen.append(node)
            progress.built(node)
        else:
            progress.leave_out(node, _why_stale(reached, progress))
    return Selection(tuple(chosen), {**_unknown(graph, new_data), **progress.left_out})


@dataclass(slots=True)
class _Progress:
    """What a walk over the graph has found out about datasets so far.

    Attributes:
        available: Datasets that have data when a node of this run reads them.
        built_here: Datasets that this run builds.
        reached: Datasets downstream of what changed, whether or not this run can build them.
        left_out_builder: For a dataset that this run cannot build, the node that would have built it.
    """

    available: set[str]
    built_here: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    left_out_builder: dict[str, NodeKey] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def built(self, node: GraphNode) -> None:
        self.available.add(node.output)
        self.built_here.add(node.output)
        self.reached.add(node.output)

    def leave_out(self, node: GraphNode, reason: str) -> None:
        self.reached.add(node.output)
        self.left_out_builder[node.output] = node.key
        self.left_out[node.key] = reason


def _why_missing(missing: Sequence[str], progress: _Progress) -> str:
    causes = []
    for name in dict.fromkeys(missing):
        builder = progress.left_out_builder.get(name)
        if builder is not None:
            causes.append(f"{name}, whose node {builder} is left out")
        else:
            causes.append(f"{name}, which has never been published and is not built by this run")
    return f"reads {'; '.join(causes)}"


def _why_stale(reached: Sequence[str], progress: _Progress) -> str:
    causes = [f"{name}, whose node {progress.left_out_builder[name]} is left out" for name in reached]
    return f"nothing new reaches it: reads {'; '.join(dict.fromkeys(causes))}"


def _unknown(graph: Graph, new_data: frozenset[str]) -> dict[str, str]:
    """Return the names with new data that no node of the graph reads or builds, with the reason."""
    known = {str(node.output) for node in graph.nodes}
    known.update(str(ref) for node in graph.nodes for ref in node.inputs)
    return {
        str(ingest_key(name)): f"{graph.product} has no dataset {name}" for name in sorted(new_data - known)
    }
