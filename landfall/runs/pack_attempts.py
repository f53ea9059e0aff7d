"""The one attempt of a pack: what starting it needs, and its job run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_gate, node_run_edges, node_runs, packs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import WRITE_ATTEMPT, Attempt, read_attempts
from landfall.runs.ids import RunID
from landfall.runs.journal import an_event, write_events
from landfall.runs.policy import RunPolicy
from landfall.runs.states import OPEN_NODE_STATES, NodeState, PackState
from landfall.runs.submissions import close_submission
from landfall.spec.model import OnFailure


@dataclass(frozen=True, slots=True)
class PackAttempt:
    """What starting a pack needs.

    Attributes:
        final: The pack has ended; nothing may be started.
        attempts: Of each of its open nodes, in the order in which the job executes them.
        after: The nodes of the pack that each of them depends on.
        fails_fast: Whether the job stops after the first node that failed.
    """

    final: bool
    cancelled: bool
    submit_at: datetime | None
    held_until: datetime | None
    hold_reason: str | None
    patience_s: float
    fails_fast: bool
    attempts: Mapping[NodeKey, Attempt]
    after: Mapping[NodeKey, tuple[NodeKey, ...]]

    @property
    def product(self) -> str:
        return next(iter(self.attempts.values())).product

    @property
    def timeout_s(self) -> int:
        """How long the job run may take: as long as its nodes may, one after the other."""
        return sum(attempt.timeout_s for attempt in self.attempts.values())


_PACK = (
    sa.select(
        packs.c.State,
        packs.c.SubmitAt,
        runs.c.Settings,
        runs.c.CancelRequestedAt,
        node_gate.c.HeldUntil,
        node_gate.c.HoldReason.label("GateReason"),
    )
    .select_from(packs.join(runs, runs.c.RunID == packs.c.RunID).join(node_gate, sa.true()))
    .where(packs.c.RunID == sa.bindparam("run_id"), packs.c.PackKey == sa.bindparam("pack"))
)


def read_pack(connection: sa.Connection, run_id: RunID, pack: NodeKey) -> PackAttempt:
    """Return what starting a pack needs."""
    row = connection.execute(_PACK, {"run_id": run_id, "pack": pack}).one()
    attempts = read_attempts(connection, run_id, pack)
    policy = RunPolicy.from_payload(row.Settings)
    after = _edges_within(connection, run_id, pack)
    return PackAttempt(
        final=row.State == PackState.ENDED or not attempts,
        cancelled=row.CancelRequestedAt is not None,
        submit_at=row.SubmitAt,
        held_until=row.HeldUntil,
        hold_reason=row.GateReason,
        patience_s=policy.patience_s,
        fails_fast=policy.on_failure is OnFailure.FAIL_FAST,
        attempts={key: attempts[key] for key in in_order(list(attempts), after)},
        after={key: tuple(up for up in after.get(key, ()) if up in attempts) for key in attempts},
    )


def in_order(keys: list[NodeKey], after: Mapping[NodeKey, tuple[NodeKey, ...]]) -> tuple[NodeKey, ...]:
    """Return nodes with those they depend on before them, otherwise in the order given."""
    left = dict.fromkeys(keys)
    found: list[NodeKey] = []
    while left:
        ready = [key for key in left if not any(up in left for up in after.get(key, ()))]
        found += ready
        for key in ready:
            del left[key]
    return tuple(found)


def _edges_within(
    connection: sa.Connection, run_id: RunID, pack: NodeKey
) -> dict[NodeKey, tuple[NodeKey, ...]]:
    edges = node_run_edges
    # A join may be made by looking at all edges of the run.
    members = sa.select(node_runs.c.NodeKey).where(node_runs.c.RunID == run_id, node_runs.c.PackKey == pack)
    rows = connection.execute(
        sa.select(edges.c.FromNode, edges.c.ToNode)
        .where(edges.c.RunID == run_id, edges.c.ToNode.in_(members), edges.c.FromNode.in_(members))
        .order_by(edges.c.ToNode, edges.c.FromNode)
    )
    found: dict[NodeKey, tuple[NodeKey, ...]] = {}
    for row in rows:
        key = NodeKey(row.ToNode)
        found[key] = (*found.get(key, ()), NodeKey(row.FromNode))
    return found


def record_pack_submission(
    connection: sa.Connection,
    run_id: RunID,
    pack: NodeKey,
    *,
    job_run_id: int,
    tokens: Mapping[tuple[NodeKey, int], str],
    now: datetime,
) -> bool:
    """Write that a job run has taken a pack; return ``False`` if the pack has ended meanwhile.

    Nodes that nothing keeps waiting are submitted; the others wait in the job run for those before them. Every one
    of them is at an attempt of its own from here on.

    Args:
        tokens: Token of each attempt, by node and number.
    """
    this = sa.and_(packs.c.RunID == run_id, packs.c.PackKey == pack)
    members = sa.and_(node_runs.c.RunID == run_id, node_runs.c.PackKey == pack)
    first = connection.execute(
        sa.update(packs)
        .where(this, packs.c.State == PackState.READY)
        .values(State=PackState.SUBMITTED, JobRunID=job_run_id, StartedAt=now, HoldReason=None)
    ).rowcount
    if not first:
        # The platform may have forgotten the former job run and started another one.
        again = connection.execute(
            sa.update(packs).where(this, packs.c.State == PackState.SUBMITTED).values(JobRunID=job_run_id)
        ).rowcount
        if again:
            open_now = sa.and_(members, node_runs.c.State.in_(OPEN_NODE_STATES))
            connection.execute(sa.update(node_runs).where(open_now).values(JobRunID=job_run_id))
            close_submission(connection, run_id, pack, 1)
        return bool(again)
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.State, node_runs.c.Attempt)
        .where(members, node_runs.c.State.in_([NodeState.WAITING, NodeState.READY]))
        .order_by(node_runs.c.NodeRunID)
    ).all()
    is_ready = node_runs.c.State == NodeState.READY
    connection.execute(
        sa.update(node_runs)
        .where(members, node_runs.c.State.in_([NodeState.WAITING, NodeState.READY]))
        .values(
            State=sa.case((is_ready, NodeState.SUBMITTED.value), else_=node_runs.c.State),
            JobRunID=job_run_id,
            HoldReason=None,
            StartedAt=sa.func.coalesce(
                node_runs.c.StartedAt, sa.bindparam("now", now, node_runs.c.StartedAt.type)
            ),
        )
    )
    connection.execute(WRITE_ATTEMPT, [_an_attempt(run_id, row, job_run_id, tokens, now) for row in rows])
    detail = f"{pack}, job run {job_run_id}"
    write_events(
        connection,
        [
            an_event(run_id, row.NodeKey, row.State, NodeState.SUBMITTED, now=now, detail=detail)
            for row in rows
            if row.State == NodeState.READY
        ],
    )
    close_submission(connection, run_id, pack, 1)
    return True


def _an_attempt(
    run_id: RunID,
    row: sa.Row[Any],
    job_run_id: int,
    tokens: Mapping[tuple[NodeKey, int], str],
    now: datetime,
) -> dict[str, Any]:
    return {
        "RunID": run_id,
        "NodeKey": row.NodeKey,
        "Attempt": row.Attempt,
        "IdempotencyKey": tokens[NodeKey(row.NodeKey), row.Attempt],
        "JobRunID": job_run_id,
        "State": NodeState.SUBMITTED,
        "SubmittedAt": now,
    }
