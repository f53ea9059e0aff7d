"""Packs: every node in one, none too large, and never a circle of packs that wait for each other."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.planning.packs import PackLimits, make_packs
from landfall.planning.plan import NodeKey, NodeKind, Plan, PlanNode

WIDE = PackLimits(nodes=50, duration_s=300, places=8)


def a_plan(*upstreams: Sequence[int]) -> Plan:
    """Return a plan whose nodes are named like their numbers, each behind earlier ones."""
    nodes = tuple(
        PlanNode(
            NodeKey(f"n{number}"),
            NodeKind.TRANSFORM,
            f"n{number}",
            (),
            tuple(NodeKey(f"n{one}") for one in before),
            "silver",
            lambda _: {},
        )
        for number, before in enumerate(upstreams)
    )
    return Plan("sales/orders", 1, (), nodes, {})


def test_a_chain_is_one_pack() -> None:
    packs = make_packs(a_plan([], [0], [1], [2]), WIDE, {})

    assert packs == (("n0", "n1", "n2", "n3"),)


def test_fifty_nodes_need_no_more_than_ten_packs() -> None:
    fan = a_plan([], *([0] for _ in range(48)), list(range(1, 49)))

    assert len(make_packs(fan, PackLimits(nodes=8, duration_s=300, places=8), {})) <= 10


def test_a_node_that_takes_long_is_alone() -> None:
    packs = make_packs(a_plan([], [], []), WIDE, {NodeKey("n1"): 1000.0})

    assert set(packs) == {("n0", "n2"), ("n1",)}


def test_what_nodes_take_together_is_bounded() -> None:
    packs = make_packs(
        a_plan([], [], [], []), PackLimits(50, 60, 1), dict.fromkeys(map(_key, range(4)), 25.0)
    )

    assert [len(pack) for pack in packs] == [2, 2]


@pytest.mark.parametrize(
    ("wide", "packs"), [(12, [13]), (52, [13, 13, 13, 13, 1]), (400, [13, *[49] * 4, *[48] * 4])]
)
def test_nodes_side_by_side_are_spread_over_the_places(wide: int, packs: list[int]) -> None:
    limits = PackLimits(nodes=52, duration_s=312, places=8)

    found = make_packs(a_plan([], *([0] for _ in range(wide))), limits, {})

    assert [len(pack) for pack in found] == packs


def test_a_long_chain_stays_one_pack_however_many_places_there_are() -> None:
    assert len(make_packs(a_plan([], *([number] for number in range(49))), WIDE, {})) == 1


def graphs(most: int) -> st.SearchStrategy[list[list[int]]]:
    """Return graphs of up to so many nodes, each of which reads up to three earlier ones."""
    return st.integers(1, most).flatmap(
        lambda nodes: st.tuples(
            *(
                st.lists(st.integers(0, number - 1), max_size=3, unique=True).map(sorted)
                if number
                else st.just([])
                for number in range(nodes)
            )
        ).map(list)
    )


@given(graphs(50), st.integers(1, 20))
def test_no_graph_of_fifty_nodes_needs_more_than_ten_job_runs(
    upstreams: list[list[int]], places: int
) -> None:
    assert len(make_packs(a_plan(*upstreams), PackLimits(50, 300, places), {})) <= 10


@given(graphs(80), st.integers(1, 20), st.integers(1, 8), st.data())
def test_packs_keep_their_limits_and_never_wait_for_each_other_in_a_circle(
    upstreams: list[list[int]], nodes: int, places: int, data: st.DataObject
) -> None:
    plan, limits = a_plan(*upstreams), PackLimits(nodes, 300, places)
    known = data.draw(st.dictionaries(st.sampled_from(range(len(upstreams))), st.floats(0.1, 400)))
    expected_s = {_key(number): takes_s for number, takes_s in known.items()}

    packs = make_packs(plan, limits, expected_s)

    position = {key: (number, at) for number, pack in enumerate(packs) for at, key in enumerate(pack)}
    assert sorted(key for pack in packs for key in pack) == sorted(node.key for node in plan.nodes)
    for node in plan.nodes:
        for upstream in node.depends_on:
            # Earlier in the same pack, or in one that stands before: so packs can be executed in their order.
            assert position[upstream] < position[node.key]
    for pack in packs:
        assert len(pack) <= nodes
        together_s = sum(expected_s.get(key, limits.unknown_s) for key in pack)
        assert len(pack) == 1 or together_s <= limits.duration_s + 1e-6


def _key(number: int) -> NodeKey:
    return NodeKey(f"n{number}")
