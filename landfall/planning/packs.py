"""Packs: which nodes of a plan share a job run, in which they are executed one after another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landfall.planning.plan import NodeKey, Plan


@dataclass(frozen=True, slots=True)
class PackLimits:
    """How large a pack may be.

    Attributes:
        nodes: Most nodes.
        duration_s: Longest time that they are expected to take together.
    """

    nodes: int
    duration_s: float

    @property
    def unknown_s(self) -> float:
        """What a node counts of which nobody knows how long it takes: as much as fills a pack with its nodes."""
        return self.duration_s / self.nodes


@dataclass(slots=True)
class _Pack:
    level: int
    keys: list[NodeKey] = field(default_factory=list)
    expected_s: float = 0.0

    def has_room(self, limits: PackLimits, expected_s: float) -> bool:
        return len(self.keys) < limits.nodes and self.expected_s + expected_s <= limits.duration_s


def make_packs(
    plan: Plan, limits: PackLimits, expected_s: Mapping[NodeKey, float]
) -> tuple[tuple[NodeKey, ...], ...]:
    """Part the nodes of a plan into packs; every node is in one, upstreams first within it.

    A pack begins once all that its nodes read from outside of it is there, so packs must not wait for one another in
    a circle. Each has a level, and a node joins a pack only if all it depends on is in that pack or at a lower level.
    A node that continues a single pack stays in it, and others go to the first pack with room one level on. The time
    is linear in nodes and edges, but for the search for room, which looks at the packs of one level.

    Args:
        limits: How large a pack may be; a node that is expected to take longer than a whole one is alone.
        expected_s: How long nodes took in former runs; of others nothing is known.
    """
    of_node: dict[NodeKey, _Pack] = {}
    by_level: dict[int, list[_Pack]] = {}
    for node in plan.nodes:
        needs_s = expected_s.get(node.key, limits.unknown_s)
        above = [of_node[key] for key in node.depends_on]
        level = max((pack.level for pack in above), default=-1)
        nearest = {id(pack): pack for pack in above if pack.level == level}
        pack = next(iter(nearest.values())) if len(nearest) == 1 else None
        if pack is None or not pack.has_room(limits, needs_s):
            pack = _with_room(by_level.setdefault(level + 1, []), level + 1, limits, needs_s)
        pack.keys.append(node.key)
        pack.expected_s += needs_s
        of_node[node.key] = pack
    return tuple(tuple(pack.keys) for level in sorted(by_level) for pack in by_level[level])


def _with_room(packs: list[_Pack], level: int, limits: PackLimits, needs_s: float) -> _Pack:
    # The newest first: the others have filled up before it.
    for pack in reversed(packs):
        if pack.has_room(limits, needs_s):
            return pack
    packs.append(_Pack(level))
    return packs[-1]
