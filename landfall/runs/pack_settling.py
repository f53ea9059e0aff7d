"""Settling a pack: the ends of all its nodes and what follows from them, in one transaction.

The statements are as many for a pack of two as for one of two hundred, but for nodes that failed.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_attempts, node_run_edges, node_runs, packs, runs
from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.attempts import END_ATTEMPT, WRITE_ATTEMPT
from landfall.runs.claiming import Counts, claim_places, claimed_not_started
from landfall.runs.gate import hold_gate
from landfall.runs.ids import RunID, pack_key
from landfall.runs.journal import Event, an_event, write_events
from landfall.runs.pack_attempts import in_order
from landfall.runs.pack_verdicts import Member, PackEnd, Repeat, Sorted, sort_out
from landfall.runs.packing import a_pack, next_pack_number, packs_of, refresh_packs
from landfall.runs.policy import RunPolicy
from landfall.runs.publishing import NodeToSettle, write_results
from landfall.runs.settling import (
    Settled,
    end_unstarted,
    open_nodes,
    settled,
    skip_descendants,
)
from landfall.runs.states import OPEN_NODE_STATES, NodeState, PackState
from landfall.runs.verdict import Verdict
from landfall.spec.model import OnFailure


def settle_pack(
    connection: sa.Connection,
    run_id: RunID,
    pack: NodeKey,
    end: PackEnd,
    *,
    tokens: Mapping[tuple[NodeKey, int], str],
    now: datetime,
) -> Settled:
    """Write how each node of a pack ended, and all that follows; what is left undone goes into further packs.

    A repeated call finds the pack ended and returns the same answer as long as what it claimed was not started.

    Args:
        tokens: Token of each attempt, by node and number.
    """
    gate = hold_gate(connection, now)
    ended = connection.execute(
        sa.update(packs)
        .where(packs.c.RunID == run_id, packs.c.PackKey == pack, packs.c.State != PackState.ENDED)
        .values(State=PackState.ENDED, FinishedAt=now)
    ).rowcount
    if not ended:
        claimed = claimed_not_started(connection, run_id, claimed_by=pack)
        return settled(run_id, claimed, open_nodes(connection, run_id))
    work = _Settling.read(connection, run_id, pack, end, now)
    events: list[Event] = []
    work.write_attempts(connection, tokens)
    touched = work.write_nodes(connection, events)
    # Before what follows for other nodes: changes stand in the order in which they happened.
    write_events(connection, events)
    write_results(connection, run_id, work.results(), now)
    counts = work.counts()
    failed = [key for key, verdict in work.sorted.ended.items() if verdict.state is not NodeState.SUCCEEDED]
    for key in failed:
        skipped = skip_descendants(connection, run_id, key, now)
        counts += Counts(closed=len(skipped))
        touched |= packs_of(connection, run_id, skipped)
    if work.sorted.skipped:
        # They were in the job run, which did not come to them.
        connection.execute(_NEVER_BEGAN, {"run_id": run_id, "pack": pack})
    if work.fails_fast(failed):
        reason = f"{failed[0]} failed, and the run is to fail fast"
        counts += end_unstarted(connection, run_id, NodeState.SKIPPED, reason, now=now)
    counts += Counts(ready=refresh_packs(connection, run_id, touched))
    claims = claim_places(connection, gate, own_run=run_id, claimed_by=pack, now=now, own=counts)
    return settled(run_id, claims.nodes, claims.open_nodes)


@dataclass(frozen=True, slots=True)
class _Settling:
    """A pack that is being settled.

    Attributes:
        rows: Its open nodes by key.
        sorted: What becomes of them.
        edges: Those from its nodes, each with the node that it leads to.
    """

    run_id: RunID
    pack: NodeKey
    end: PackEnd
    now: datetime
    rows: Mapping[NodeKey, Any]
    sorted: Sorted
    edges: Sequence[Any]
    policy: RunPolicy

    @classmethod
    def read(
        cls, connection: sa.Connection, run_id: RunID, pack: NodeKey, end: PackEnd, now: datetime
    ) -> "_Settling":
        here = {"run_id": run_id, "pack": pack}
        rows = {NodeKey(row.NodeKey): row for row in connection.execute(_MEMBERS, here)}
        edges = connection.execute(_EDGES, here).all()
        failures: dict[NodeKey, dict[str, int]] = {}
        for row in connection.execute(_FAILURES, here):
            failures.setdefault(NodeKey(row.NodeKey), {})[row.Failure] = row.Attempts
        first = next(iter(rows.values()))
        after: dict[NodeKey, tuple[NodeKey, ...]] = {}
        for edge in edges:
            if edge.ToNode in rows:
                after[edge.ToNode] = (*after.get(edge.ToNode, ()), NodeKey(edge.FromNode))
        members = [
            Member(
                key,
                NodeState(rows[key].State),
                rows[key].Attempt,
                rows[key].Priority,
                rows[key].Definition,
                after.get(key, ()),
                failures.get(key, {}),
            )
            for key in in_order(list(rows), after)
        ]
        policy = RunPolicy.from_payload(first.Settings)
        found = sort_out(run_id, members, end, policy, cancelled=first.CancelRequestedAt is not None)
        return cls(run_id, pack, end, now, rows, found, edges, policy)

    def results(self) -> list[tuple[NodeKey, NodeToSettle, Verdict]]:
        return [
            (
                key,
                NodeToSettle(
                    NodeState(self.rows[key].State),
                    NodeKind(self.rows[key].Kind),
                    self.rows[key].Definition,
                    self.rows[key].DataProductID,
                ),
                verdict,
            )
            for key, verdict in self.sorted.ended.items()
        ]

    def counts(self) -> Counts:
        """Return what the nodes that ended change in the counters of the run, with the place of the pack."""
        verdicts = self.sorted.ended.values()
        return Counts(
            closed=len(verdicts),
            freed=1,
            read=sum(verdict.rows_read or 0 for verdict in verdicts),
            published=sum(verdict.rows_published or 0 for verdict in verdicts),
            quarantined=sum(verdict.rows_quarantined or 0 for verdict in verdicts),
        )

    def fails_fast(self, failed: Sequence[NodeKey]) -> bool:
        return self.policy.on_failure is OnFailure.FAIL_FAST and any(
            self.sorted.ended[key].state is NodeState.FAILED for key in failed
        )

    def write_attempts(self, connection: sa.Connection, tokens: Mapping[tuple[NodeKey, int], str]) -> None:
        """End the attempts of the nodes; one that never got a job run is written whole."""
        updates: list[dict[str, Any]] = []
        inserts: list[dict[str, Any]] = []
        for key, row in self.rows.items():
            ended = self._attempt_end(key)
            if row.JobRunID is not None:
                here = {"run_id": self.run_id, "key": key, "attempt": row.Attempt}
                updates.append({**here, **{f"new_{name}": value for name, value in ended.items()}})
            elif ended["State"] in {NodeState.FAILED, NodeState.CANCELLED} and row.State == NodeState.READY:
                inserts.append(
                    {
                        "RunID": self.run_id,
                        "NodeKey": key,
                        "Attempt": row.Attempt,
                        "IdempotencyKey": tokens[key, row.Attempt],
                        "SubmittedAt": self.now,
                        **ended,
                    }
                )
        if updates:
            connection.execute(END_ATTEMPT, updates)
        if inserts:
            connection.execute(WRITE_ATTEMPT, inserts)

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

    def write_nodes(self, connection: sa.Connection, events: list[Event]) -> frozenset[NodeKey]:
        """Write the nodes of the pack and count down those behind them; return the packs that may have become ready."""
        succeeded = {
            key for key, verdict in self.sorted.ended.items() if verdict.state is NodeState.SUCCEEDED
        }
        done = Counter(NodeKey(edge.ToNode) for edge in self.edges if edge.FromNode in succeeded)
        waited_for = self._waited_for(succeeded)
        pack_of = self._put_into_packs(connection)
        rows = []
        for key, verdict in self.sorted.ended.items():
            rows.append(self._ended_row(key, verdict, done[key], waited_for.get(key)))
            events += self._events(key, verdict.state, verdict.reason)
        for key, repeat in self.sorted.repeated.items():
            row = self._repeated_row(key, repeat, done[key], waited_for.get(key), pack_of[key])
            rows.append(row)
            events += self._put_back(key, NodeState(row["new_State"]), repeat)
        if rows:
            connection.execute(_WRITE_NODE, rows)
        touched = set(pack_of.values())
        outside = {NodeKey(edge.ToNode): edge for edge in self.edges if edge.ToNode not in self.rows}
        counted = []
        for key, edge in outside.items():
            if not done[key]:
                continue
            left = edge.WaitingFor - done[key]
            is_ready = edge.State == NodeState.WAITING and left == 0
            state = NodeState.READY if is_ready else edge.State
            counted.append(
                {
                    "run_id": self.run_id,
                    "key": key,
                    "new_WaitingFor": left,
                    "new_State": state,
                    "new_WaitedFor": waited_for[key],
                }
            )
            touched.add(NodeKey(edge.PackKey))
            if is_ready:
                events.append(an_event(self.run_id, key, NodeState.WAITING, NodeState.READY, now=self.now))
        if counted:
            connection.execute(_COUNT_DOWN, counted)
        return frozenset(touched)

    def _waited_for(self, succeeded: Collection[NodeKey]) -> dict[NodeKey, NodeKey]:
        """Return, of each node behind some that succeeded, the one of them that was executed last."""
        order = {key: number for number, key in enumerate(self.sorted.ended)}
        done = [edge for edge in self.edges if edge.FromNode in succeeded]
        done.sort(key=lambda edge: order[edge.FromNode])
        return {NodeKey(edge.ToNode): NodeKey(edge.FromNode) for edge in done}

    def _put_into_packs(self, connection: sa.Connection) -> dict[NodeKey, NodeKey]:
        """Write the packs of what is left undone, and return which node goes into which."""
        if not self.sorted.groups:
            return {}
        first = next_pack_number(connection, self.run_id)
        pack_of: dict[NodeKey, NodeKey] = {}
        new: list[dict[str, Any]] = []
        for number, (keys, delay_s) in enumerate(self.sorted.groups, start=first):
            pack_of |= dict.fromkeys(keys, pack_key(number))
            new.append(
                a_pack(
                    self.run_id,
                    pack_key(number),
                    # Whether it is ready shows when its nodes are written.
                    PackState.WAITING,
                    priority=max(self.rows[key].Priority for key in keys),
                    submit_at=self.now + timedelta(seconds=delay_s) if delay_s else None,
                )
            )
        connection.execute(sa.insert(packs), new)
        return pack_of

    def _ended_row(
        self, key: NodeKey, verdict: Verdict, done: int, waited_for: NodeKey | None
    ) -> dict[str, Any]:
        row, (began_at, ended_at) = self.rows[key], self._times(key)
        total_s = (verdict.result or {}).get("timings_s", {}).get("total")
        return self._row(
            key,
            State=verdict.state,
            WaitingFor=row.WaitingFor - done,
            WaitedFor=waited_for or row.WaitedFor,
            StartedAt=began_at,
            FinishedAt=ended_at,
            ErrorCode=verdict.error_code,
            Reason=verdict.reason,
            RowsRead=verdict.rows_read,
            RowsPublished=verdict.rows_published,
            RowsQuarantined=verdict.rows_quarantined,
            Result=dict(verdict.result) if verdict.result is not None else None,
            JobMs=round(total_s * 1000) if total_s is not None else None,
        )

    def _repeated_row(
        self, key: NodeKey, repeat: Repeat, done: int, waited_for: NodeKey | None, pack: NodeKey
    ) -> dict[str, Any]:
        row = self.rows[key]
        left = row.WaitingFor - done
        charged = row.JobRunID is not None or repeat.failure is not None
        return self._row(
            key,
            State=NodeState.READY if left == 0 else NodeState.WAITING,
            WaitingFor=left,
            WaitedFor=waited_for or row.WaitedFor,
            # What a job run had is not tried again under the same number: that job may yet write.
            Attempt=row.Attempt + 1 if charged else row.Attempt,
            JobRunID=None,
            HoldReason=_again(row.Attempt, repeat) if repeat.failure is not None else None,
            PackKey=pack,
        )

    def _row(self, key: NodeKey, **values: Any) -> dict[str, Any]:
        row = self.rows[key]
        kept = {name: getattr(row, name) for name in ("Attempt", "JobRunID", "StartedAt")}
        empty = dict.fromkeys(_WRITTEN)
        found = {**empty, **kept, "PackKey": self.pack, **values}
        return {"run_id": self.run_id, "key": key, **{f"new_{name}": found[name] for name in _WRITTEN}}

    def _times(self, key: NodeKey) -> tuple[datetime | None, datetime]:
        """Return when a node began and ended: as its job says, but within what is known here."""
        submitted_at = self.rows[key].StartedAt
        if key not in self.end.times or submitted_at is None:
            return submitted_at, self.now
        began_at, ended_at = (min(max(at, submitted_at), self.now) for at in self.end.times[key])
        return began_at, ended_at

    def _events(self, key: NodeKey, target: NodeState, detail: str | None) -> list[Event]:
        """Return the changes of a node that ended, with those that it went through unseen within the job run."""
        states = [NodeState(self.rows[key].State)]
        if target is not NodeState.CANCELLED:
            way = (NodeState.WAITING, NodeState.READY, NodeState.SUBMITTED)
            in_job = self.rows[key].JobRunID is not None
            steps = way if in_job else way[:2]
            states += [
                state for state in steps if states[0] in way and way.index(state) > way.index(states[0])
            ]
        states.append(target)
        return [
            an_event(
                self.run_id, key, before, after, now=self.now, detail=detail if after is target else self.pack
            )
            for before, after in itertools.pairwise(states)
        ]

    def _put_back(self, key: NodeKey, target: NodeState, repeat: Repeat) -> list[Event]:
        before = NodeState(self.rows[key].State)
        if before is target and repeat.failure is None:
            return []
        detail = _again(self.rows[key].Attempt, repeat) if repeat.failure is not None else None
        began = repeat.failure is not None and before is NodeState.WAITING and key in self.end.results
        if began:
            way = [before, NodeState.READY, NodeState.SUBMITTED, NodeState.READY]
            return [
                an_event(self.run_id, key, one, other, now=self.now, detail=detail)
                for one, other in itertools.pairwise(way)
            ]
        return [an_event(self.run_id, key, before, target, now=self.now, detail=detail)]


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


_WRITTEN = (
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
_HERE = (node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.NodeKey == sa.bindparam("key"))
_WRITE_NODE = (
    sa.update(node_runs)
    .where(*_HERE)
    .values({name: sa.bindparam(f"new_{name}", type_=node_runs.c[name].type) for name in _WRITTEN})
)
_COUNT_DOWN = (
    sa.update(node_runs)
    .where(*_HERE)
    .values({name: sa.bindparam(f"new_{name}") for name in ("State", "WaitingFor", "WaitedFor")})
)
_OF_PACK = (node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.PackKey == sa.bindparam("pack"))
_NEVER_BEGAN = (
    sa.update(node_runs)
    .where(*_OF_PACK, node_runs.c.State == NodeState.SKIPPED)
    .values(StartedAt=None, JobRunID=None)
)
_MEMBERS = (
    sa.select(
        node_runs.c.NodeKey,
        node_runs.c.State,
        node_runs.c.Kind,
        node_runs.c.Attempt,
        node_runs.c.WaitingFor,
        node_runs.c.WaitedFor,
        node_runs.c.Priority,
        node_runs.c.JobRunID,
        node_runs.c.StartedAt,
        node_runs.c.Definition,
        runs.c.DataProductID,
        runs.c.Settings,
        runs.c.CancelRequestedAt,
    )
    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
    .where(*_OF_PACK, node_runs.c.State.in_(OPEN_NODE_STATES))
    .order_by(node_runs.c.NodeRunID)
)
_target = node_runs.alias("target")
_EDGES = (
    sa.select(
        node_run_edges.c.FromNode,
        node_run_edges.c.ToNode,
        _target.c.State,
        _target.c.WaitingFor,
        _target.c.PackKey,
    )
    .select_from(
        node_run_edges.join(
            node_runs,
            sa.and_(
                node_runs.c.RunID == node_run_edges.c.RunID, node_runs.c.NodeKey == node_run_edges.c.FromNode
            ),
        ).join(
            _target,
            sa.and_(_target.c.RunID == node_run_edges.c.RunID, _target.c.NodeKey == node_run_edges.c.ToNode),
        )
    )
    .where(*_OF_PACK, node_runs.c.State.in_(OPEN_NODE_STATES))
    .order_by(node_run_edges.c.ToNode, node_run_edges.c.FromNode)
)
_FAILURES = (
    sa.select(node_attempts.c.NodeKey, node_attempts.c.Failure, sa.func.count().label("Attempts"))
    .select_from(
        node_attempts.join(
            node_runs,
            sa.and_(
                node_runs.c.RunID == node_attempts.c.RunID, node_runs.c.NodeKey == node_attempts.c.NodeKey
            ),
        )
    )
    .where(*_OF_PACK, node_attempts.c.Failure.is_not(None))
    .group_by(node_attempts.c.NodeKey, node_attempts.c.Failure)
)
