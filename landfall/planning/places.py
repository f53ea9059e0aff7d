"""Where the nodes of a plan belong when it is too large to be shown node by node: layers, and bands of their steps."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from landfall.planning.plan import NodeKey, PlanNode

MOST_BANDS = 12
"""Bands of a layer, at most."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where one node belongs.

    Attributes:
        layer: That of the dataset it builds.
        step: Nodes on the longest path that leads to it; 0 where it waits for none.
        band: Number of its band within the layer, counted from 0.
    """

    layer: str
    step: int
    band: int


def place_nodes(nodes: Iterable[PlanNode]) -> Mapping[NodeKey, NodePlace]:
    """Return the place of each node; a band has neighbouring steps and about as many nodes as the others.

    Args:
        nodes: Those of a plan, upstreams first.
    """
    steps: dict[NodeKey, int] = {}
    layers: dict[NodeKey, str] = {}
    for node in nodes:
        steps[node.key] = 1 + max((steps[key] for key in node.depends_on), default=-1)
        layers[node.key] = node.layer
    in_layer: dict[str, Counter[int]] = {}
    for key, layer in layers.items():
        in_layer.setdefault(layer, Counter())[steps[key]] += 1
    bands = {layer: _bands(sizes) for layer, sizes in in_layer.items()}
    return {key: NodePlace(layer, steps[key], bands[layer][steps[key]]) for key, layer in layers.items()}


def _bands(sizes: Mapping[int, int]) -> dict[int, int]:
    """Return the band of each step.

    Args:
        sizes: How many nodes of a layer are at each step.
    """
    most = -(-sum(sizes.values()) // MOST_BANDS)
    band_of: dict[int, int] = {}
    filled, band = 0, 0
    for step in sorted(sizes):
        if filled and filled + sizes[step] > most and band < MOST_BANDS - 1:
            filled, band = 0, band + 1
        band_of[step] = band
        filled += sizes[step]
    return band_of
