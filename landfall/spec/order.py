"""The order in which things that need each other can be taken, and the circles that have none."""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from landfall.spec.model import DatasetName, Transformation

Node = TypeVar("Node", bound=Hashable)


def in_order(transformations: Sequence[Transformation]) -> list[Transformation]:
    """Return the transformations, each after those whose outputs it reads; those of a circle come last."""
    builders: dict[DatasetName, int] = {
        item.output.dataset: index for index, item in enumerate(transformations)
    }
    needs = {
        index: [
            builders[ref.dataset] for ref in item.inputs if ref.product is None and ref.dataset in builders
        ]
        for index, item in enumerate(transformations)
    }
    return [transformations[index] for index in sorted_nodes(needs)]


def sorted_nodes(needs: Mapping[Node, Iterable[Node]]) -> list[Node]:
    """Return the nodes, each after what it needs as far as that is possible, else in the given order."""
    missing = {node: {other for other in others if other in needs} for node, others in needs.items()}
    followers: dict[Node, list[Node]] = {node: [] for node in needs}
    for node, others in missing.items():
        for other in others:
            followers[other].append(node)
    ready = deque(node for node, others in missing.items() if not others)
    done: dict[Node, None] = {}
    while ready:
        node = ready.popleft()
        done[node] = None
        for follower in followers[node]:
            missing[follower].discard(node)
            if not missing[follower]:
                ready.append(follower)
    return [*done, *(node for node in needs if node not in done)]


def circles(needs: Mapping[Node, Iterable[Node]]) -> list[list[Node]]:
    """Return the shortest circle through the first node of each group of nodes that need each other.

    A circle reads in the direction of the data, each node needed by the one after it, and ends where it began.
    """
    edges = {node: [other for other in others if other in needs] for node, others in needs.items()}
    position = {node: index for index, node in enumerate(edges)}
    found = []
    for group in _groups(edges):
        start = min(group, key=position.__getitem__)
        if len(group) > 1 or start in edges[start]:
            found.append(_circle_through(start, edges))
    return sorted(found, key=lambda circle: position[circle[0]])


def _circle_through(start: Node, edges: Mapping[Node, list[Node]]) -> list[Node]:
    """Return the shortest circle through a node that lies on one."""
    needed_by: dict[Node, Node] = {}
    waiting = deque([start])
    while start not in needed_by:
        node = waiting.popleft()
        for other in edges[node]:
            if other not in needed_by:
                needed_by[other] = node
                waiting.append(other)
    circle = [start, needed_by[start]]
    while circle[-1] != start:
        circle.append(needed_by[circle[-1]])
    return circle


def _groups(edges: Mapping[Node, list[Node]]) -> list[list[Node]]:
    """Return the groups of nodes that can all reach each other.

    Source:
        R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972); here with a stack
        of its own, because a chain of nodes may be longer than Python's.
    """
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_nodes: dict[Node, None] = {}
    groups: list[list[Node]] = []

    def enter(node: Node) -> tuple[Node, Iterator[Node]]:
        index[node] = low[node] = len(index)
        open_nodes[node] = None
        return node, iter(edges[node])

    for root in edges:
        work = [enter(root)] if root not in index else []
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    work.append(enter(other))
                    break
                if other in open_nodes:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    groups.append(_closed_group(node, open_nodes))
    return groups


def _closed_group(first: Node, open_nodes: dict[Node, None]) -> list[Node]:
    group: list[Node] = []
    while not group or group[-1] != first:
        group.append(open_nodes.popitem()[0])
    return group
