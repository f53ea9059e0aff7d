"""Packs: every node in one, none too large, and never a circle of packs that wait for each other."""

import random
from collections.abc import Sequence

import pytest

from landfall.planning.packs import PackLimits, make_packs
from landfall.planning.plan import NodeKey, NodeKind, Plan, PlanNode

WIDE = PackLimits(nodes=50, duration_s=300)


def a_plan(*upstreams: Sequence[int]) -> Plan:
    """Return a plan whose nodes are named like their numbers, each behind earlier ones."""
    nodes = tuple(
        PlanNode(
            NodeKey(f"n{number}"),
            NodeKind.TRANSFORM,
            f"n{number}",
            (),
            tuple(NodeKey(f"n{one}") for one in before),
            1,
            {},
        )
        for number, before in enumerate(upstreams)
    )
    return Plan("sales/orders", 1, (), nodes, {})


def test_a_chain_is_one_pack() -> None:
    packs = make_packs(a_plan([], [0], [1], [2]), WIDE, {})

    assert packs == (("n0", "n1", "n2", "n3"),)


def test_fifty_nodes_need_no_more_than_ten_packs() -> None:
    fan = a_plan([], *([0] for _ in range(48)), list(range(1, 49)))

    assert len(make_packs(fan, PackLimits(nodes=8, duration_s=300), {})) <= 10


def test_a_node_that_takes_long_is_alone() -> None:
    packs = make_packs(a_plan([], [], []), WIDE, {NodeKey("n1"): 1000.0})

    assert set(packs) == {("n0", "n2"), ("n1",)}


def test_what_nodes_take_together_is_bounded() -> None:
    packs = make_packs(a_plan([], [], [], []), PackLimits(50, 60), dict.fromkeys(map(_key, range(4)), 25.0))

    assert [len(pack) for pack in packs] == [2, 2]


@pytest.mark.parametrize("seed", range(20))
def test_packs_never_wait_for_each_other_in_a_circle(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # makes graphs, guards nothing
    upstreams = [
        sorted(chance.sample(range(number), min(number, chance.randint(0, 3)))) for number in range(80)
    ]
    plan = a_plan(*upstreams)

    packs = make_packs(plan, PackLimits(nodes=chance.randint(1, 20), duration_s=300), {})

    position = {key: (number, at) for number, pack in enumerate(packs) for at, key in enumerate(pack)}
    assert sorted(key for pack in packs for key in pack) == sorted(node.key for node in plan.nodes)
    for node in plan.nodes:
        for upstream in node.depends_on:
            # Earlier in the same pack, or in one that stands before: so packs can be executed in their order.
            assert position[upstream] < position[node.key]


def _key(number: int) -> NodeKey:
    return NodeKey(f"n{number}")
