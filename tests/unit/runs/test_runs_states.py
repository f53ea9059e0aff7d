"""The tables of allowed changes: complete, and without a state that cannot be reached or left."""

from collections.abc import Mapping
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.runs.states import (
    FILE_CHANGES,
    FINAL_NODE_STATES,
    FINAL_RUN_STATES,
    NODE_CHANGES,
    RUN_CHANGES,
    FileState,
    NodeState,
    RunState,
    sources_of,
)

Changes = Mapping[StrEnum, frozenset[StrEnum]]

TABLES = [
    pytest.param(RunState, RUN_CHANGES, {RunState.PENDING}, id="run"),
    pytest.param(NodeState, NODE_CHANGES, {NodeState.WAITING, NodeState.READY}, id="node"),
    pytest.param(
        FileState, FILE_CHANGES, {FileState.WAITING, FileState.PENDING, FileState.UNMATCHED}, id="file"
    ),
]


def reachable(start: set[StrEnum], changes: Changes) -> set[StrEnum]:
    found, open_states = set(start), list(start)
    while open_states:
        for target in changes[open_states.pop()] - found:
            found.add(target)
            open_states.append(target)
    return found


@pytest.mark.parametrize(("states", "changes", "first"), TABLES)
def test_every_state_says_what_may_follow(
    states: type[StrEnum], changes: Changes, first: set[StrEnum]
) -> None:
    assert set(changes) == set(states)
    assert all(targets <= set(states) for targets in changes.values())


@pytest.mark.parametrize(("states", "changes", "first"), TABLES)
def test_every_state_can_be_reached_from_a_first_one(
    states: type[StrEnum], changes: Changes, first: set[StrEnum]
) -> None:
    assert reachable(first, changes) == set(states)


@pytest.mark.parametrize(("states", "changes", "first"), TABLES)
def test_no_change_leads_to_the_state_it_leaves(
    states: type[StrEnum], changes: Changes, first: set[StrEnum]
) -> None:
    assert [state for state, targets in changes.items() if state in targets] == []


def test_a_run_ends_in_one_of_three_states() -> None:
    assert {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED} == FINAL_RUN_STATES


def test_a_node_ends_in_one_of_four_states() -> None:
    ends = {NodeState.SUCCEEDED, NodeState.FAILED, NodeState.SKIPPED, NodeState.CANCELLED}
    assert ends == FINAL_NODE_STATES


@pytest.mark.parametrize("changes", [RUN_CHANGES, NODE_CHANGES])
def test_every_state_can_come_to_an_end(changes: Changes) -> None:
    ends = {state for state, targets in changes.items() if not targets}
    assert [state for state in changes if not reachable({state}, changes) & ends] == []


def test_only_what_has_started_can_succeed() -> None:
    assert sources_of(RunState.SUCCEEDED, RUN_CHANGES) == {RunState.RUNNING}
    assert sources_of(NodeState.SUCCEEDED, NODE_CHANGES) == {NodeState.SUBMITTED, NodeState.RUNNING}


def test_a_file_is_taken_in_only_by_the_run_that_claimed_it() -> None:
    assert sources_of(FileState.DONE, FILE_CHANGES) == {FileState.CLAIMED}
    assert sources_of(FileState.CLAIMED, FILE_CHANGES) == {FileState.PENDING}


@given(st.sampled_from([RUN_CHANGES, NODE_CHANGES, FILE_CHANGES]), st.data())
def test_sources_are_the_changes_read_backwards(changes: Changes, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(sorted(changes)))
    target = data.draw(st.sampled_from(sorted(changes)))

    assert (source in sources_of(target, changes)) == (target in changes[source])


@given(st.dictionaries(st.sampled_from(NodeState), st.frozensets(st.sampled_from(NodeState))))
def test_sources_are_the_inverse_of_any_table(changes: dict[NodeState, frozenset[NodeState]]) -> None:
    forwards = {(source, target) for source, targets in changes.items() for target in targets}
    backwards = {(source, target) for target in NodeState for source in sources_of(target, changes)}

    assert backwards == forwards
