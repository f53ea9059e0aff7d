"""The graphs that are measured; each is a product whose first nodes read one landed dataset."""

import random
from collections.abc import Sequence
from dataclasses import replace

from landfall.spec.model import ExecutionMode, Product, RunSettings
from tests.builders import a_product, a_transformation

LANDED = "orders_landed"
MOST_INPUTS = 3
RUN = RunSettings(settle_s=0, max_parallel_nodes=16)

Upstreams = Sequence[Sequence[int]]
"""For each node the earlier nodes that it reads; none means the landed files."""


def chain(nodes: int) -> Upstreams:
    """Return nodes of which each reads the one before."""
    return [[number - 1] if number else [] for number in range(nodes)]


def fan(wide: int) -> Upstreams:
    """Return one node, ``wide`` nodes that read it, and one that reads them all."""
    return [[], *([0] for _ in range(wide)), list(range(1, wide + 1))]


def layered(nodes: int, seed: int) -> Upstreams:
    """Return layers of some ten nodes, each of which reads up to three nodes of the two layers before."""
    chance = random.Random(seed)
    layers: list[list[int]] = []
    upstreams: list[list[int]] = []
    while len(upstreams) < nodes:
        above = [number for layer in layers[-2:] for number in layer]
        size = min(chance.randint(4, 16), nodes - len(upstreams))
        layers.append(list(range(len(upstreams), len(upstreams) + size)))
        for _ in range(size):
            count = chance.randint(1, MOST_INPUTS)
            upstreams.append(sorted(chance.sample(above, min(count, len(above)))))
    return upstreams


def product_of(upstreams: Upstreams, name: str, *, packed: bool = False) -> Product:
    """Return the product; its run has one node more than the graph, which takes the landed file in."""
    return a_product(
        *(
            a_transformation(f"build_t{number}", inputs=[f"t{one}" for one in sources] or [LANDED])
            for number, sources in enumerate(upstreams)
        ),
        name=name,
        run=replace(RUN, execution=ExecutionMode.PACKED, stated=(*RUN.stated, "execution"))
        if packed
        else RUN,
    )
