"""Which boxes a graph is shown as: few nodes each by itself, many as layers that open into bands and then nodes.

A page never shows more than some two hundred boxes, however large the run.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from landfall.runs.run_graph import Band, BandKey, EdgesOfNodes, GraphNode, Outline, StatesByBand
from landfall.runs.states import NodeState

MOST_SINGLE = 60
"""Nodes of a run or a layer that are shown one by one; of more, bands are shown."""
MOST_OF_BAND = 20
"""Nodes of a band that are shown one by one; the others are one box."""


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
class Part:
    """A part of a graph of which nodes are shown: all of it, a layer, or a band of one.

    Attributes:
        most: How many nodes of it are shown one by one.
    """

    layer: str | None
    band: int | None
    most: int


@dataclass(frozen=True, slots=True)
class View:
    """What is open of a graph.

    Attributes:
        parts: Those whose nodes are shown.
        layers: Layers that are open, shown as bands or as nodes.
        bands: Bands whose nodes are shown, first of all some of them.
        opened: Labels of what somebody has opened, by name.
    """

    parts: tuple[Part, ...]
    layers: frozenset[str]
    bands: frozenset[BandKey]
    opened: Mapping[str, str]


def view_of(outline: Outline, opened: Iterable[str] = ()) -> View:
    """Return what is open of a graph.

    Args:
        opened: Names of groups that somebody has opened; names of none are passed over.
    """
    if outline.nodes <= MOST_SINGLE:
        every_band = frozenset(band.key for band in outline.bands)
        whole = (Part(None, None, MOST_SINGLE),) if outline.nodes else ()
        return View(whole, frozenset(outline.layers), every_band, {})
    wanted = frozenset(opened)
    parts: list[Part] = []
    bands: set[BandKey] = set()
    seen: dict[str, str] = {}
    layers = tuple(layer for layer in outline.layers if layer in wanted)
    for layer in layers:
        seen[layer] = layer
        of_layer = [band for band in outline.bands if band.key.layer == layer]
        if sum(band.nodes for band in of_layer) <= MOST_SINGLE:
            parts.append(Part(layer, None, MOST_SINGLE))
            bands.update(band.key for band in of_layer)
            continue
        for band in of_layer:
            if _name(band.key) in wanted:
                seen[_name(band.key)] = _label(band)
                parts.append(Part(layer, band.key.number, MOST_OF_BAND))
                bands.add(band.key)
    return View(tuple(parts), frozenset(layers), frozenset(bands), seen)


def group_path(outline: Outline, key: BandKey) -> tuple[str, ...]:
    """Return the names of the groups to open so that a node of a band is seen; none where all nodes are."""
    if outline.nodes <= MOST_SINGLE:
        return ()
    of_layer = sum(band.nodes for band in outline.bands if band.key.layer == key.layer)
    return (key.layer,) if of_layer <= MOST_SINGLE else (key.layer, _name(key))


def collapse(
    outline: Outline, states: StatesByBand, view: View, nodes: Sequence[GraphNode], edges: EdgesOfNodes
) -> Boxes:
    """Return the boxes of a graph.

    Args:
        states: Of all its nodes, by band.
        view: What is open of it.
        nodes: Those that are shown one by one: of each part of the view the first ones.
        edges: Those of these nodes.
    """
    shown: dict[BandKey, list[GraphNode]] = {}
    for node in nodes:
        shown.setdefault(node.band, []).append(node)
    boxes: list[Box] = []
    # The box in which the nodes of a band are that are not shown.
    box_of: dict[BandKey, str] = {}
    for layer in outline.layers:
        of_layer = [band for band in outline.bands if band.key.layer == layer]
        if layer not in view.layers:
            boxes.append(_group_box(layer, layer, of_layer, states))
            box_of.update((band.key, layer) for band in of_layer)
            continue
        for band in of_layer:
            name = _name(band.key)
            if band.key not in view.bands:
                boxes.append(_group_box(name, _label(band), [band], states))
                box_of[band.key] = name
                continue
            own = shown.get(band.key, [])
            boxes += (
                Box(node.key, BoxKind.NODE, node.key, layer, {node.state: 1}, node.step) for node in own
            )
            left = Counter(states.get(band.key, {}))
            left.subtract(node.state for node in own)
            rest = +left
            if rest:
                label = f"{rest.total():,} more"
                boxes.append(Box(f"{name}+", BoxKind.REST, label, layer, rest, band.rank))
            box_of[band.key] = f"{name}+"
    names = {box.name for box in boxes}
    return Boxes(tuple(boxes), tuple(_edges(outline, nodes, edges, box_of, names)), view.opened)


def _name(key: BandKey) -> str:
    return f"{key.layer}.{key.number}"


def _label(band: Band) -> str:
    first, last = band.first_step + 1, band.last_step + 1
    steps = f"step {first}" if first == last else f"steps {first}–{last}"
    return f"{band.key.layer}, {steps}"


def _group_box(name: str, label: str, bands: Sequence[Band], states: StatesByBand) -> Box:
    found: Counter[NodeState] = Counter()
    for band in bands:
        found.update(states.get(band.key, {}))
    nodes = sum(band.nodes for band in bands)
    return Box(
        name=name,
        kind=BoxKind.GROUP,
        label=label,
        layer=bands[0].key.layer,
        states=found,
        rank=sum(band.rank * band.nodes for band in bands) / nodes,
        opens=True,
    )


def _edges(
    outline: Outline,
    nodes: Sequence[GraphNode],
    edges: EdgesOfNodes,
    box_of: Mapping[BandKey, str],
    names: Collection[str],
) -> Iterable[Edge]:
    """Return the edges of boxes: those of the nodes that are shown, and what is left of those of the bands."""
    band_of = {node.key: node.band for node in nodes}
    left = Counter(outline.edges)
    before, after = Counter(edges.before), Counter(edges.after)
    counts: Counter[tuple[str, str]] = Counter()
    for one, other in edges.between:
        counts[one, other] += 1
        # Counted at both of its ends.
        before[band_of[one], other] -= 1
        after[one, band_of[other]] -= 1
        left[band_of[one], band_of[other]] -= 1
    for (band, key), count in before.items():
        counts[box_of[band], key] += count
        left[band, band_of[key]] -= count
    for (key, band), count in after.items():
        counts[key, box_of[band]] += count
        left[band_of[key], band] -= count
    for (first, second), count in left.items():
        counts[box_of[first], box_of[second]] += count
    return (
        Edge(one, other, count)
        for (one, other), count in counts.items()
        if count > 0 and one != other and one in names and other in names
    )
