"""Which boxes a graph is shown as: few nodes each by itself, many as layers that open into bands and then nodes.

A page never shows more than some two hundred boxes, however large the run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from landfall.planning.plan import NodeKey
from landfall.runs.run_graph import NodeMoment, ShapeNode
from landfall.runs.states import NodeState

MOST_SINGLE = 60
"""Nodes of a run or a layer that are shown one by one; of more, bands are shown."""
MOST_BANDS = 12
MOST_OF_BAND = 20
"""Nodes of a band that are shown one by one; the others are one box."""

# What is shown of a band that has more nodes than fit: what needs somebody first.
_INTEREST = {
    state: place
    for place, state in enumerate(
        (
            NodeState.FAILED,
            NodeState.RUNNING,
            NodeState.SUBMITTED,
            NodeState.CANCELLED,
            NodeState.SKIPPED,
            NodeState.READY,
            NodeState.WAITING,
            NodeState.SUCCEEDED,
        )
    )
}


class BoxKind(StrEnum):
    NODE = "node"
    GROUP = "group"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        name: Of a group, what opens it; of a node its key.
        label: What it says.
        opens: Whether it can be opened.
        rank: Mean rank of its nodes: where it belongs from left to right.
    """

    name: str
    kind: BoxKind
    label: str
    layer: str
    states: Mapping[NodeState, int]
    rank: float
    opens: bool = False

    @property
    def nodes(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection of two boxes, by their names; ``count`` is how many edges of nodes it stands for."""

    before: str
    after: str
    count: int


@dataclass(frozen=True, slots=True)
class Boxes:
    """A graph as it is shown.

    Attributes:
        opened: Groups that are open, their labels by name.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    opened: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    label: str
    layer: str
    nodes: Sequence[ShapeNode]


def collapse(
    shape: Mapping[NodeKey, ShapeNode],
    moments: Mapping[NodeKey, NodeMoment],
    *,
    opened: Iterable[str] = (),
    chosen: NodeKey | None = None,
) -> Boxes:
    """Return the boxes of a graph.

    Args:
        opened: Names of groups that somebody has opened; names of none are passed over.
        chosen: A node that is shown by itself wherever its group is open.
    """
    wanted = frozenset(opened)
    found: list[Box] = []
    seen: dict[str, str] = {}
    box_of: dict[NodeKey, str] = {}

    def add(box: Box, nodes: Iterable[ShapeNode]) -> None:
        found.append(box)
        box_of.update((node.key, box.name) for node in nodes)

    def show(group: _Group, *, bands: bool) -> None:
        """Show the nodes of an open group: each, or in bands, or the first of them."""
        if len(group.nodes) <= (MOST_SINGLE if bands else MOST_OF_BAND):
            for node in group.nodes:
                add(_node_box(node, moments), [node])
        elif bands:
            for band in _bands(group):
                if band.name in wanted:
                    seen[band.name] = band.label
                    show(band, bands=False)
                else:
                    add(_group_box(band, moments), band.nodes)
        else:
            ordered = sorted(
                group.nodes,
                key=lambda node: (node.key != chosen, _INTEREST[moments[node.key].state]),
            )
            for node in ordered[:MOST_OF_BAND]:
                add(_node_box(node, moments), [node])
            left = ordered[MOST_OF_BAND:]
            rest = _Group(f"{group.name}+", f"{len(left):,} more", group.layer, left)
            add(_group_box(rest, moments, kind=BoxKind.REST), rest.nodes)

    if len(shape) <= MOST_SINGLE:
        show(_Group("", "", "", tuple(shape.values())), bands=True)
    else:
        for layer in _layers(shape):
            if layer.name in wanted:
                seen[layer.name] = layer.label
                show(layer, bands=True)
            else:
                add(_group_box(layer, moments), layer.nodes)
    return Boxes(tuple(found), _edges(shape, box_of), seen)


def group_path(shape: Mapping[NodeKey, ShapeNode], key: NodeKey) -> tuple[str, ...]:
    """Return the names of the groups to open so that a node is seen; none where the graph is not collapsed."""
    if len(shape) <= MOST_SINGLE:
        return ()
    layer = next(group for group in _layers(shape) if group.name == shape[key].layer)
    if len(layer.nodes) <= MOST_SINGLE:
        return (layer.name,)
    band = next(band for band in _bands(layer) if any(node.key == key for node in band.nodes))
    return (layer.name, band.name)


def _layers(shape: Mapping[NodeKey, ShapeNode]) -> Iterator[_Group]:
    by_layer: dict[str, list[ShapeNode]] = {}
    for node in shape.values():
        by_layer.setdefault(node.layer, []).append(node)
    return (_Group(layer, layer, layer, nodes) for layer, nodes in by_layer.items())


def _bands(layer: _Group) -> Iterator[_Group]:
    """Return the nodes of a layer in bands of neighbouring ranks, each with about as many nodes as the others."""
    ranks = Counter(node.rank for node in layer.nodes)
    most = max(-(-len(layer.nodes) // MOST_BANDS), 1)
    band_of: dict[int, int] = {}
    filled, band = 0, 0
    for rank in sorted(ranks):
        if filled and filled + ranks[rank] > most and band < MOST_BANDS - 1:
            filled, band = 0, band + 1
        band_of[rank] = band
        filled += ranks[rank]
    members: dict[int, list[ShapeNode]] = {}
    for node in layer.nodes:
        members.setdefault(band_of[node.rank], []).append(node)
    for number, nodes in sorted(members.items()):
        first, last = min(node.rank for node in nodes), max(node.rank for node in nodes)
        steps = f"step {first + 1}" if first == last else f"steps {first + 1} to {last + 1}"
        yield _Group(f"{layer.name}.{number}", f"{layer.layer}, {steps}", layer.layer, nodes)


def _node_box(node: ShapeNode, moments: Mapping[NodeKey, NodeMoment]) -> Box:
    return Box(node.key, BoxKind.NODE, node.key, node.layer, {moments[node.key].state: 1}, node.rank)


def _group_box(group: _Group, moments: Mapping[NodeKey, NodeMoment], *, kind: BoxKind = BoxKind.GROUP) -> Box:
    return Box(
        name=group.name,
        kind=kind,
        label=group.label,
        layer=group.layer,
        states=Counter(moments[node.key].state for node in group.nodes),
        rank=sum(node.rank for node in group.nodes) / len(group.nodes),
        opens=kind is BoxKind.GROUP,
    )


def _edges(shape: Mapping[NodeKey, ShapeNode], box_of: Mapping[NodeKey, str]) -> tuple[Edge, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for node in shape.values():
        after = box_of[node.key]
        for upstream in node.upstream:
            if box_of[upstream] != after:
                counts[box_of[upstream], after] += 1
    return tuple(Edge(before, after, count) for (before, after), count in counts.items())
