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
        places: Packs that can be at work at the same time.
    """

    nodes: int
    duration_s: float
    places: int

    @property
    def unknown_s(self) -> float:
        """What a node counts of which nobody knows how long it takes: as much as fills a pack with its nodes."""
        return self.duration_s / self.nodes


# A pack that is filled to this part is worth a job run of its own, so that others may be filled beside it.
_WORTH_IT = 1 / 4


@dataclass(slots=True)
class _Pack:
    level: int
    keys: list[NodeKey] = field(default_factory=list)
    expected_s: float = 0.0

    def has_room(self, limits: PackLimits, expected_s: float) -> bool:
        return len(self.keys) < limits.nodes and self.expected_s + expected_s <= limits.duration_s

    def is_worth_it(self, limits: PackLimits) -> bool:
        return len(self.keys) >= _WORTH_IT * limits.nodes or self.expected_s >= _WORTH_IT * limits.duration_s


def make_packs(
    plan: Plan, limits: PackLimits, expected_s: Mapping[NodeKey, float]
) -> tuple[tuple[NodeKey, ...], ...]:
    """Part the nodes of a plan into packs; every node is in one, upstreams first within it.

    A pack begins once all that its nodes read from outside of it is there, so packs must not wait for one another in
    a circle. Each has a level, and a node joins a pack only if all it depends on is in that pack or at a lower level.
    A node that continues a single pack stays in it: if it reads its last node it could not be executed beside it, and
    if the pack is still small it is not worth it. Others go one level on, where packs are filled to a part one after
    another, up to as many as there are places, and from then on evenly. The time is linear in nodes and edges, but for
    the search for room, which looks at the packs of one level.

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
        if pack is not None and pack.is_worth_it(limits) and pack.keys[-1] not in node.depends_on:
            pack = None
        if pack is None or not pack.has_room(limits, needs_s):
            pack = _with_room(by_level.setdefault(level + 1, []), level + 1, limits, needs_s)
        pack.keys.append(node.key)
        pack.expected_s += needs_s
        of_node[node.key] = pack
    return tuple(tuple(pack.keys) for level in sorted(by_level) for pack in by_level[level])


def _with_room(packs: list[_Pack], level: int, limits: PackLimits, needs_s: float) -> _Pack:
    """Return a pack of a level with room for a node: one still small, else a new one, else the one with least in it."""
    found = [pack for pack in packs if pack.has_room(limits, needs_s)]
    small = next((pack for pack in found if not pack.is_worth_it(limits)), None)
    if small is not None:
        return small
    if found and len(packs) >= limits.places:
        return min(found, key=lambda pack: (pack.expected_s, len(pack.keys)))
    packs.append(_Pack(level))
    return packs[-1]
