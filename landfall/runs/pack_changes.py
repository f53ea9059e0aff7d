"""What settling a pack changes: rows of its nodes and those behind them, attempts, events. Values in, values out."""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.claiming import Counts
from landfall.runs.ids import pack_key
from landfall.runs.journal import Event, an_event
from landfall.runs.pack_nodes import PackNodes
from landfall.runs.pack_verdicts import Repeat, Sorted
from landfall.runs.packing import a_pack
from landfall.runs.publishing import NodeToSettle
from landfall.runs.states import NodeState, PackState
from landfall.runs.verdict import Verdict

WRITTEN = (
    "State",
    "Attempt",
    "WaitingFor",
    "WaitedFor",
    "JobRunID",
    "StartedAt",
    "FinishedAt",
    "ErrorCode",
    "Reason",
    "RowsRead",
    "RowsPublished",
    "RowsQuarantined",
    "Result",
    "JobMs",
    "HoldReason",
    "PackKey",
)
"""The columns of a node that has ended or is put back."""

# What a node goes through before it ends; in a job run unseen.
_WAY = (NodeState.WAITING, NodeState.READY, NodeState.SUBMITTED, NodeState.RUNNING)
_IN_JOB_RUN = 3


@dataclass(frozen=True)
class PackChanges:
    """What becomes of the nodes of a pack, as the rows to be written.

    Attributes:
        sorted: Nodes that are in none of its parts stay as they are, but for what they waited for.
        times: When the job began and ended each node, where it says so.
        first_new: The number that the first pack for what is left undone gets.
        begun: The node that the job is at, where it goes on.
    """

    nodes: PackNodes
    sorted: Sorted
    times: Mapping[NodeKey, tuple[datetime, datetime]]
    now: datetime
    first_new: int = 1
    begun: NodeKey | None = None

    @cached_property
    def failed(self) -> list[NodeKey]:
        return [key for key, verdict in self.sorted.ended.items() if verdict.state is not NodeState.SUCCEEDED]

    @cached_property
    def pack_of(self) -> dict[NodeKey, NodeKey]:
        """The new pack of each node that is left undone."""
        return {
            key: pack_key(number)
            for number, (keys, _) in enumerate(self.sorted.groups, start=self.first_new)
            for key in keys
        }

    @cached_property
    def _succeeded(self) -> frozenset[NodeKey]:
        return frozenset(
            key for key, verdict in self.sorted.ended.items() if verdict.state is NodeState.SUCCEEDED
        )

    @cached_property
    def _done(self) -> Counter[NodeKey]:
        """How many of those that a node waits for have succeeded."""
        return Counter(NodeKey(edge.ToNode) for edge in self.nodes.edges if edge.FromNode in self._succeeded)

    @cached_property
    def _waited_for(self) -> dict[NodeKey, NodeKey]:
        """Of each node behind some that succeeded, the one of them that was executed last."""
        order = {key: number for number, key in enumerate(self.sorted.ended)}
        done = [edge for edge in self.nodes.edges if edge.FromNode in self._succeeded]
        done.sort(key=lambda edge: order[edge.FromNode])
        return {NodeKey(edge.ToNode): NodeKey(edge.FromNode) for edge in done}

    def results(self) -> list[tuple[NodeKey, NodeToSettle, Verdict]]:
        rows = self.nodes.rows
        return [
            (
                key,
                NodeToSettle(
                    NodeState(rows[key].State),
                    NodeKind(rows[key].Kind),
                    rows[key].Definition,
                    rows[key].DataProductID,
                ),
                verdict,
            )
            for key, verdict in self.sorted.ended.items()
        ]

    def counts(self) -> Counts:
        """Return what the nodes that ended change in the counters of the run."""
        verdicts = self.sorted.ended.values()
        return Counts(
            closed=len(verdicts),
            read=sum(verdict.rows_read or 0 for verdict in verdicts),
            published=sum(verdict.rows_published or 0 for verdict in verdicts),
            quarantined=sum(verdict.rows_quarantined or 0 for verdict in verdicts),
        )

    def attempts(
        self, tokens: Mapping[tuple[NodeKey, int], str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the ends of attempts, and whole rows of those that never got a job run."""
        updates: list[dict[str, Any]] = []
        inserts: list[dict[str, Any]] = []
        run_id = self.nodes.run_id
        for key in (*self.sorted.ended, *self.sorted.skipped, *self.sorted.repeated):
            row, ended = self.nodes.rows[key], self._attempt_end(key)
            if row.JobRunID is not None:
                here = {"run_id": run_id, "key": key, "attempt": row.Attempt}
                updates.append({**here, **{f"new_{name}": value for name, value in ended.items()}})
            elif ended["State"] in {NodeState.FAILED, NodeState.CANCELLED} and row.State == NodeState.READY:
                inserts.append(
                    {
                        "RunID": run_id,
                        "NodeKey": key,
                        "Attempt": row.Attempt,
                        "IdempotencyKey": tokens[key, row.Attempt],
                        "SubmittedAt": self.now,
                        **ended,
                    }
                )
        return updates, inserts

    def _attempt_end(self, key: NodeKey) -> dict[str, Any]:
        finished_at = self._times(key)[1]
        if key in self.sorted.skipped:
            reason = f"{self.sorted.skipped[key]} did not succeed"
            return _an_end(NodeState.SKIPPED, None, None, reason, finished_at)
        repeat = self.sorted.repeated.get(key)
        verdict = repeat.verdict if repeat is not None else self.sorted.ended[key]
        if repeat is not None and repeat.failure is None:
            return _an_end(NodeState.SKIPPED, None, None, verdict.reason, finished_at)
        failure = repeat.failure if repeat is not None else verdict.failure
        return _an_end(
            verdict.state,
            failure if verdict.state is NodeState.FAILED else None,
            verdict.error_code,
            verdict.reason,
            finished_at,
        )

    def new_packs(self) -> list[dict[str, Any]]:
        """Return the packs of what is left undone."""
        return [
            a_pack(
                self.nodes.run_id,
                pack_key(number),
                # Whether it is ready shows when its nodes are written.
                PackState.WAITING,
                priority=max(self.nodes.rows[key].Priority for key in keys),
                submit_at=self.now + timedelta(seconds=delay_s) if delay_s else None,
            )
            for number, (keys, delay_s) in enumerate(self.sorted.groups, start=self.first_new)
        ]

    def written(self) -> list[dict[str, Any]]:
        """Return what is written of the nodes that ended or are put back."""
        ended = [self._ended_row(key, verdict) for key, verdict in self.sorted.ended.items()]
        return ended + [self._repeated_row(key, repeat) for key, repeat in self.sorted.repeated.items()]

    def _ended_row(self, key: NodeKey, verdict: Verdict) -> dict[str, Any]:
        row, (began_at, ended_at) = self.nodes.rows[key], self._times(key)
        return self._row(
            key,
            State=verdict.state,
            WaitingFor=row.WaitingFor - self._done[key],
            WaitedFor=self._waited_for.get(key) or row.WaitedFor,
            StartedAt=began_at,
            FinishedAt=ended_at,
            ErrorCode=verdict.error_code,
            Reason=verdict.reason,
            RowsRead=verdict.rows_read,
            RowsPublished=verdict.rows_published,
            RowsQuarantined=verdict.rows_quarantined,
            Result=dict(verdict.result) if verdict.result is not None else None,
            JobMs=verdict.job_ms,
        )

    def _repeated_row(self, key: NodeKey, repeat: Repeat) -> dict[str, Any]:
        row = self.nodes.rows[key]
        charged = row.JobRunID is not None or repeat.failure is not None
        return self._row(
            key,
            State=self._put_back_to(key),
            WaitingFor=row.WaitingFor - self._done[key],
            WaitedFor=self._waited_for.get(key) or row.WaitedFor,
            # What a job run had is not tried again under the same number: that job may yet write.
            Attempt=row.Attempt + 1 if charged else row.Attempt,
            JobRunID=None,
            HoldReason=_again(row.Attempt, repeat) if repeat.failure is not None else None,
            PackKey=self.pack_of[key],
        )

    def _put_back_to(self, key: NodeKey) -> NodeState:
        left = self.nodes.rows[key].WaitingFor - self._done[key]
        return NodeState.READY if left == 0 else NodeState.WAITING

    def _row(self, key: NodeKey, **values: Any) -> dict[str, Any]:
        row = self.nodes.rows[key]
        kept = {name: getattr(row, name) for name in ("Attempt", "JobRunID", "StartedAt")}
        found = {**dict.fromkeys(WRITTEN), **kept, "PackKey": self.nodes.pack, **values}
        here = {"run_id": self.nodes.run_id, "key": key}
        return {**here, **{f"new_{name}": found[name] for name in WRITTEN}}

    def counted_down(self) -> list[dict[str, Any]]:
        """Return what is written of those that go on waiting, or wait no more, for the nodes that succeeded."""
        counted = []
        for key, (before, after, left) in self._behind.items():
            if self._done[key] or before is not after:
                waited_for = self._waited_for.get(key)
                counted.append(
                    {
                        "run_id": self.nodes.run_id,
                        "key": key,
                        "new_WaitingFor": left,
                        "new_State": after,
                        "new_WaitedFor": waited_for or self.nodes.rows[key].WaitedFor,
                    }
                )
        return counted

    @cached_property
    def _behind(self) -> dict[NodeKey, tuple[NodeState, NodeState, int]]:
        """State before and after, and how many are left to wait for, of the nodes that are none of those written."""
        rows, found = self.nodes.rows, {}
        mine = {*self.sorted.ended, *self.sorted.skipped, *self.sorted.repeated}
        for edge in self.nodes.edges:
            key = NodeKey(edge.ToNode)
            if key in rows or not self._done[key]:
                continue
            before, left = NodeState(edge.State), edge.WaitingFor - self._done[key]
            is_ready = before is NodeState.WAITING and left == 0
            found[key] = (before, NodeState.READY if is_ready else before, left)
        for key in rows:
            if key in mine:
                continue
            before, left = NodeState(rows[key].State), rows[key].WaitingFor - self._done[key]
            # Its job run has it already.
            is_ready = before is NodeState.WAITING and left == 0
            after = NodeState.SUBMITTED if is_ready else before
            if key == self.begun and after is NodeState.SUBMITTED:
                after = NodeState.RUNNING
            found[key] = (before, after, left)
        return found

    def touched(self) -> frozenset[NodeKey]:
        """Return the packs that may have become ready."""
        outside = {
            NodeKey(edge.PackKey)
            for edge in self.nodes.edges
            if edge.ToNode not in self.nodes.rows and self._done[NodeKey(edge.ToNode)]
        }
        return frozenset({*outside, *self.pack_of.values()})

    def events(self) -> list[Event]:
        """Return the changes of all these nodes, in the order in which they happened."""
        found: list[Event] = []
        for key, verdict in self.sorted.ended.items():
            found += self._steps(key, self._state(key), verdict.state, verdict.reason)
        for key, repeat in self.sorted.repeated.items():
            found += self._put_back(key, repeat)
        for key, (before, after, _) in self._behind.items():
            found += self._steps(key, before, after, None)
        return found

    def _state(self, key: NodeKey) -> NodeState:
        return NodeState(self.nodes.rows[key].State)

    def _steps(self, key: NodeKey, before: NodeState, target: NodeState, detail: str | None) -> list[Event]:
        """Return the changes from one state to another, with those in between that nobody has seen."""
        if before is target:
            return []
        row = self.nodes.rows.get(key)
        between: tuple[NodeState, ...] = ()
        if before in _WAY and target is not NodeState.CANCELLED:
            last = _WAY.index(target) if target in _WAY else _IN_JOB_RUN
            if row is None or row.JobRunID is None:
                last = min(last, _WAY.index(NodeState.SUBMITTED))
            between = _WAY[_WAY.index(before) + 1 : last]
        states = (before, *between, target)
        return [
            an_event(
                self.nodes.run_id,
                key,
                one,
                other,
                now=self.now,
                detail=detail if other is target else self.nodes.pack,
            )
            for one, other in itertools.pairwise(states)
        ]

    def _put_back(self, key: NodeKey, repeat: Repeat) -> list[Event]:
        before, target = self._state(key), self._put_back_to(key)
        if before is target and repeat.failure is None:
            return []
        detail = _again(self.nodes.rows[key].Attempt, repeat) if repeat.failure is not None else None
        began = repeat.failure is not None and before is NodeState.WAITING and key in self.times
        way = [before, target]
        if began:
            way = [before, NodeState.READY, NodeState.SUBMITTED, NodeState.READY]
        return [
            an_event(self.nodes.run_id, key, one, other, now=self.now, detail=detail)
            for one, other in itertools.pairwise(way)
        ]

    def _times(self, key: NodeKey) -> tuple[datetime | None, datetime]:
        """Return when a node began and ended: as its job says, but within what is known here."""
        submitted_at = self.nodes.rows[key].StartedAt
        if key not in self.times or submitted_at is None:
            return submitted_at, self.now
        began_at, ended_at = (min(max(at, submitted_at), self.now) for at in self.times[key])
        return began_at, ended_at


def _again(attempt: int, repeat: Repeat) -> str:
    return f"attempt {attempt} failed and is tried again: {repeat.verdict.reason}"


def _an_end(
    state: NodeState, failure: str | None, code: str | None, reason: str | None, finished_at: datetime
) -> dict[str, Any]:
    return {
        "State": state,
        "Failure": failure,
        "ErrorCode": code,
        "Reason": reason,
        "FinishedAt": finished_at,
    }
