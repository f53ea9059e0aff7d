"""Whose failure it is that the job run of a pack did not come to its end."""

from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.pack_verdicts import Blame, Member, PackEnd, Sorted, sort_out
from landfall.runs.policy import FailureClass, RunPolicy
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import OnFailure

RUN = RunID("r1")
DIED = Verdict(NodeState.FAILED, retryable=True, error_code="LF3302", reason="the process ended")
DONE = Verdict(NodeState.SUCCEEDED)
POLICY = RunPolicy(2, 1, 60, 2, 1, 60, 60, OnFailure.CONTINUE)


def a_member(key: str, *after: str, attempt: int = 1) -> Member:
    state = NodeState.WAITING if after else NodeState.SUBMITTED
    return Member(NodeKey(key), state, attempt, 0, {}, tuple(map(NodeKey, after)), {})


def died(members: list[Member], *done: str) -> Sorted:
    """Return what becomes of nodes whose process ended when some had left a result."""
    end = PackEnd({NodeKey(key): DONE for key in done}, DIED, Blame.FIRST)
    return sort_out(RUN, members, end, POLICY, cancelled=False)


def test_nobody_is_charged_where_results_shared_a_write() -> None:
    found = died([a_member("a"), a_member("b"), a_member("c")], "a")

    assert list(found.ended) == ["a"]
    assert {key: repeat.failure for key, repeat in found.repeated.items()} == {
        "b": FailureClass.NEIGHBOUR,
        "c": FailureClass.NEIGHBOUR,
    }
    assert [keys for keys, _ in found.groups] == [("b", "c")]


def test_the_next_time_it_is_known_at_which_node_the_process_ends() -> None:
    found = died([a_member("a", attempt=2), a_member("b", attempt=2), a_member("c", attempt=2)], "a")

    assert {key: repeat.failure for key, repeat in found.repeated.items()} == {
        "b": FailureClass.INFRASTRUCTURE,
        "c": FailureClass.NEIGHBOUR,
    }
    assert [keys for keys, _ in found.groups] == [("b",), ("c",)]


def test_a_node_that_is_the_only_one_without_a_result_is_it() -> None:
    found = died([a_member("a"), a_member("b")], "a")

    assert {key: repeat.failure for key, repeat in found.repeated.items()} == {
        "b": FailureClass.INFRASTRUCTURE
    }


def test_what_waited_for_a_node_goes_on_with_it() -> None:
    found = died([a_member("a"), a_member("b"), a_member("c", "b")], "a")

    assert found.repeated[NodeKey("c")].failure is None
    assert [keys for keys, _ in found.groups] == [("b", "c")]
