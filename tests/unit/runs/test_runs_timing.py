"""The critical path: the chain of nodes with the most job time."""

from landfall.planning.plan import NodeKey
from landfall.runs.timing import CriticalPath, critical_path


def _keys(*names: str) -> tuple[NodeKey, ...]:
    return tuple(NodeKey(name) for name in names)


def test_the_longest_sum_wins_over_the_longest_chain() -> None:
    a, b, c, d = _keys("a", "b", "c", "d")

    found = critical_path({a: 1.0, b: 5.0, c: 1.0, d: 1.0}, [(a, c), (c, d), (a, b)])

    assert found == CriticalPath((a, b), 6.0)


def test_a_node_without_job_time_breaks_no_path() -> None:
    a, b, c = _keys("a", "b", "c")

    found = critical_path({a: 1.0, c: 2.0}, [(a, b), (b, c)])

    assert found == CriticalPath((c,), 2.0)


def test_no_nodes_have_no_path() -> None:
    assert critical_path({}, []) == CriticalPath((), 0.0)
