"""Order and circles of things that need each other."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from landfall.spec.order import circles, sorted_nodes

NODES = st.integers(0, 7)
GRAPHS = st.dictionaries(NODES, st.lists(NODES, max_size=3), max_size=8)


def reachable(needs: dict[int, list[int]], start: int) -> set[int]:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        for node in needs.get(waiting.pop(), []):
            if node in needs and node not in seen:
                seen.add(node)
                waiting.append(node)
    return seen


@given(GRAPHS)
def test_every_node_outside_a_circle_comes_after_what_it_needs(needs: dict[int, list[int]]) -> None:
    order = sorted_nodes(needs)

    assert sorted(order) == sorted(needs)
    for node in needs:
        upstream = reachable(needs, node)
        if not any(other in reachable(needs, other) for other in {node, *upstream}):
            assert all(order.index(other) < order.index(node) for other in upstream)


@given(GRAPHS)
def test_a_circle_is_found_where_a_node_needs_itself(needs: dict[int, list[int]]) -> None:
    found = circles(needs)

    on_circles = {node for node in needs if node in reachable(needs, node)}
    assert all(circle[0] == circle[-1] for circle in found)
    for circle in found:
        assert all(needed in needs[node] for needed, node in pairwise(circle))
    assert {
        node for circle in found for node in reachable(needs, circle[0]) & on_circles
    } >= on_circles or not found
    assert bool(found) == bool(on_circles)


def test_the_path_of_a_circle_reads_in_the_direction_of_the_data() -> None:
    assert circles({"bronze": ["gold"], "silver": ["bronze"], "gold": ["silver"]}) == [
        ["bronze", "silver", "gold", "bronze"]
    ]


def test_a_chain_longer_than_the_stack_of_python_is_no_matter() -> None:
    needs = {node: [node - 1] for node in range(1, 20_000)}

    assert sorted_nodes(needs) == list(range(1, 20_000))
    assert circles(needs) == []
