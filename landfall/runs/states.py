"""The states of runs, nodes and landed files, and the only changes allowed between them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)


class RunState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NodeState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class PackState(StrEnum):
    """A pack waits until all that its nodes read from outside of it is there, and is submitted once."""

    WAITING = "waiting"
    READY = "ready"
    SUBMITTED = "submitted"
    ENDED = "ended"


class FileState(StrEnum):
    """A landed file ends as done, rejected with a reason, or unmatched.

    Waiting is one whose set is not complete; pending one that waits for nothing but a run.
    """

    WAITING = "waiting"
    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"
    REJECTED = "rejected"
    UNMATCHED = "unmatched"


RUN_CHANGES: Mapping[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}

NODE_CHANGES: Mapping[NodeState, frozenset[NodeState]] = {
    NodeState.WAITING: frozenset({NodeState.READY, NodeState.SKIPPED, NodeState.CANCELLED}),
    NodeState.READY: frozenset(
        {NodeState.SUBMITTED, NodeState.FAILED, NodeState.SKIPPED, NodeState.CANCELLED}
    ),
    # Back to ready: the attempt failed for a reason outside the node, and another one is allowed.
    NodeState.SUBMITTED: frozenset(
        {NodeState.RUNNING, NodeState.READY, NodeState.SUCCEEDED, NodeState.FAILED, NodeState.CANCELLED}
    ),
    NodeState.RUNNING: frozenset(
        {NodeState.READY, NodeState.SUCCEEDED, NodeState.FAILED, NodeState.CANCELLED}
    ),
    NodeState.SUCCEEDED: frozenset(),
    NodeState.FAILED: frozenset(),
    NodeState.SKIPPED: frozenset(),
    NodeState.CANCELLED: frozenset(),
}

FILE_CHANGES: Mapping[FileState, frozenset[FileState]] = {
    FileState.WAITING: frozenset({FileState.PENDING, FileState.REJECTED}),
    FileState.PENDING: frozenset({FileState.CLAIMED, FileState.REJECTED}),
    # Back to pending: the run that claimed the file failed or was cancelled before it took the file in.
    FileState.CLAIMED: frozenset({FileState.DONE, FileState.REJECTED, FileState.PENDING}),
    FileState.DONE: frozenset({FileState.PENDING}),
    FileState.REJECTED: frozenset({FileState.PENDING}),
    FileState.UNMATCHED: frozenset({FileState.PENDING}),
}

FINAL_RUN_STATES = frozenset(state for state, changes in RUN_CHANGES.items() if not changes)
FINAL_NODE_STATES = frozenset(state for state, changes in NODE_CHANGES.items() if not changes)
# For queries: an index finds the few that are open, and cannot find what is none of the final ones.
OPEN_RUN_STATES = frozenset(RunState) - FINAL_RUN_STATES
OPEN_NODE_STATES = frozenset(NodeState) - FINAL_NODE_STATES


def sources_of(target: State, changes: Mapping[State, frozenset[State]]) -> frozenset[State]:
    """Return the states from which ``target`` may be reached in one change."""
    return frozenset(state for state, targets in changes.items() if target in targets)
