"""Packs: which nodes of a plan share a job run, in which they are executed one after another."""

from collections.abc import Mapping, Sequence
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

    def is_worth_it(self, limits: PackLimits, times: int = 1) -> bool:
        part = times * _WORTH_IT
        return len(self.keys) >= part * limits.nodes or self.expected_s >= part * limits.duration_s


def make_packs(
    plan: Plan, limits: PackLimits, expected_s: Mapping[NodeKey, float]
) -> tuple[tuple[NodeKey, ...], ...]:
    """Part the nodes of a plan into packs; every node is in one, upstreams first within it.

    A pack begins once all that its nodes read from outside of it is there, so packs must not wait for one another in
    a circle. Each has a level, and a node joins a pack only if all it depends on is in that pack or at a lower level.
    A node that continues a single pack stays in it, and others go to a pack with room one level on. Only where a plan
    is so wide that nodes side by side fill several packs to the part that is worth it, they leave one that has this
    part and go one level on, up to as many packs as there are places, and from then on evenly: in a narrower plan one
    pack would soon wait for the other. The time is linear in nodes and edges, but for the search for room, which looks
    at the packs of one level.

    Args:
        limits: How large a pack may be; a node that is expected to take longer than a whole one is alone.
        expected_s: How long nodes took in former runs; of others nothing is known.
    """
    of_node: dict[NodeKey, _Pack] = {}
    by_level: dict[int, list[_Pack]] = {}
    wide = _side_by_side(plan, limits, expected_s)
    for node in plan.nodes:
        needs_s = expected_s.get(node.key, limits.unknown_s)
        above = [of_node[key] for key in node.depends_on]
        level = max((pack.level for pack in above), default=-1)
        nearest = {id(pack): pack for pack in above if pack.level == level}
        pack = next(iter(nearest.values())) if len(nearest) == 1 else None
        if pack is not None and node.key in wide and pack.is_worth_it(limits):
            pack = None
        if pack is None or not pack.has_room(limits, needs_s):
            packs = by_level.setdefault(level + 1, [])
            found = [pack for pack in packs if pack.has_room(limits, needs_s)]
            pack = _least(found, packs, limits) if node.key in wide else next(reversed(found), None)
            if pack is None:
                pack = _Pack(level + 1)
                packs.append(pack)
        pack.keys.append(node.key)
        pack.expected_s += needs_s
        of_node[node.key] = pack
    return tuple(tuple(pack.keys) for level in sorted(by_level) for pack in by_level[level])


def _side_by_side(plan: Plan, limits: PackLimits, expected_s: Mapping[NodeKey, float]) -> frozenset[NodeKey]:
    """Return the nodes with so many others at the same depth of the plan that they fill several packs together."""
    depth: dict[NodeKey, int] = {}
    at: dict[int, _Pack] = {}
    for node in plan.nodes:
        depth[node.key] = 1 + max((depth[key] for key in node.depends_on), default=-1)
        beside = at.setdefault(depth[node.key], _Pack(0))
        beside.keys.append(node.key)
        beside.expected_s += expected_s.get(node.key, limits.unknown_s)
    return frozenset(
        key for beside in at.values() if beside.is_worth_it(limits, times=2) for key in beside.keys
    )


def _least(found: Sequence[_Pack], packs: Sequence[_Pack], limits: PackLimits) -> _Pack | None:
    """Return one of the packs with room that is still small, or once all places have one that with least in it."""
    small = next((pack for pack in found if not pack.is_worth_it(limits)), None)
    if small is not None or len(packs) < limits.places:
        return small
    return min(found, key=lambda pack: (pack.expected_s, len(pack.keys)), default=None)
