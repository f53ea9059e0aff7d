"""Node runs in SQL: claiming places, starting attempts, and settling a node with all that follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.landing.ledger import ClaimedFile, claimed_files, settle_files
from landfall.metadata.tables import (
    data_products,
    data_quality_results,
    node_attempts,
    node_run_edges,
    node_runs,
    published_data_sets,
    runs,
)
from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.ids import RunID
from landfall.runs.journal import ORCHESTRATION, change_node, change_nodes, write_event
from landfall.runs.states import FINAL_NODE_STATES, FileState, NodeState
from landfall.runs.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """What starting one attempt of a node needs.

    Attributes:
        number: The attempt the node is at, counted from 1.
        final: The node has reached a final state; nothing may be started.
        cancelled: Somebody asked to cancel the run.
        files: The files an ingest node takes in.
    """

    product: str
    kind: NodeKind
    definition: Mapping[str, Any]
    number: int
    timeout_s: int
    final: bool
    cancelled: bool
    files: tuple[ClaimedFile, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from a settled node.

    Attributes:
        start: Nodes that this node has claimed and that have to be started.
        run_ended: No node of the run is open any more.
    """

    start: tuple[NodeKey, ...] = field(default=())
    run_ended: bool = False


def read_attempt(connection: sa.Connection, run_id: RunID, key: NodeKey) -> Attempt:
    """Return what starting an attempt of the node needs."""
    row = connection.execute(
        sa.select(
            node_runs.c.Kind,
            node_runs.c.State,
            node_runs.c.Attempt,
            node_runs.c.Definition,
            runs.c.Settings,
            runs.c.CancelRequestedAt,
            data_products.c.Domain,
            data_products.c.Name,
        )
        .select_from(
            node_runs.join(runs, runs.c.RunID == node_runs.c.RunID).join(
                data_products, data_products.c.DataProductID == runs.c.DataProductID
            )
        )
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one()
    kind = NodeKind(row.Kind)
    files: tuple[ClaimedFile, ...] = ()
    if kind is NodeKind.INGEST:
        files = claimed_files(connection, run_id, row.Definition["output"]["dataset"])
    return Attempt(
        product=f"{row.Domain}/{row.Name}",
        kind=kind,
        definition=row.Definition,
        number=row.Attempt,
        timeout_s=row.Settings["node_timeout_s"],
        final=NodeState(row.State) in FINAL_NODE_STATES,
        cancelled=row.CancelRequestedAt is not None,
        files=files,
    )


def product_of_run(connection: sa.Connection, run_id: RunID) -> str:
    """Return the product of a run as ``domain/name``."""
    row = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(runs.c.RunID == run_id)
    ).one()
    return f"{row.Domain}/{row.Name}"


def record_submission(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    *,
    job_run_id: int,
    job_run_url: str | None,
    token: str,
    now: datetime,
) -> bool:
    """Write that a job run has taken an attempt; return ``False`` if the node has left that attempt behind."""
    row = connection.execute(
        sa.select(node_runs.c.State, node_runs.c.Attempt, node_runs.c.JobRunID).where(
            node_runs.c.RunID == run_id, node_runs.c.NodeKey == key
        )
    ).one()
    if NodeState(row.State) in FINAL_NODE_STATES or row.Attempt != attempt:
        return False
    if row.JobRunID == job_run_id:
        return True
    job_run = {"JobRunID": job_run_id, "JobRunUrl": job_run_url}
    submitted = change_node(
        connection,
        run_id,
        key,
        NodeState.SUBMITTED,
        now=now,
        detail=f"attempt {attempt}, job run {job_run_id}",
        values={**job_run, "StartedAt": sa.func.coalesce(node_runs.c.StartedAt, now)},
    )
    if submitted:
        connection.execute(
            sa.insert(node_attempts).values(
                RunID=run_id,
                NodeKey=key,
                Attempt=attempt,
                IdempotencyKey=token,
                JobRunID=job_run_id,
                State=NodeState.SUBMITTED,
                SubmittedAt=now,
            )
        )
    else:
        # The platform has forgotten the former job run of this attempt and started another one.
        for table, values in ((node_runs, job_run), (node_attempts, {"JobRunID": job_run_id})):
            connection.execute(
                sa.update(table)
                .where(table.c.RunID == run_id, table.c.NodeKey == key, table.c.Attempt == attempt)
                .values(values)
            )
    return True


def record_running(connection: sa.Connection, run_id: RunID, key: NodeKey, *, now: datetime) -> None:
    """Write that a node's job has begun to work."""
    change_node(connection, run_id, key, NodeState.RUNNING, now=now)


def end_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    verdict: Verdict,
    *,
    token: str,
    now: datetime,
) -> Settled | None:
    """Write the end of an attempt and settle its node; ``None`` if the node has another attempt before it.

    Args:
        token: Idempotency token of the attempt.
    """
    _end_attempt(connection, run_id, key, attempt, verdict, token=token, now=now)
    if (
        verdict.state is NodeState.FAILED
        and verdict.retryable
        and _begin_retry(connection, run_id, key, attempt, verdict, now=now)
    ):
        return None
    return settle_node(connection, run_id, key, verdict, now=now)


def _end_attempt(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    verdict: Verdict,
    *,
    token: str,
    now: datetime,
) -> None:
    """Keep how an attempt ended, one that never got a job run included; repeating it changes nothing."""
    ended = {
        "State": verdict.state,
        "ErrorCode": verdict.error_code,
        "Reason": verdict.reason,
        "FinishedAt": now,
    }
    this = sa.and_(
        node_attempts.c.RunID == run_id,
        node_attempts.c.NodeKey == key,
        node_attempts.c.Attempt == attempt,
    )
    known = connection.execute(sa.select(node_attempts.c.FinishedAt).where(this)).one_or_none()
    if known is None:
        connection.execute(
            sa.insert(node_attempts).values(
                RunID=run_id, NodeKey=key, Attempt=attempt, IdempotencyKey=token, SubmittedAt=now, **ended
            )
        )
    elif known.FinishedAt is None:
        connection.execute(sa.update(node_attempts).where(this).values(ended))


def _begin_retry(
    connection: sa.Connection, run_id: RunID, key: NodeKey, attempt: int, verdict: Verdict, *, now: datetime
) -> bool:
    """Give a node another attempt after a failed one if it has one left; return whether it has.

    A repeated call finds the next attempt begun and says so again.
    """
    row = connection.execute(
        sa.select(node_runs.c.State, node_runs.c.Attempt, runs.c.Settings, runs.c.CancelRequestedAt)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one()
    if NodeState(row.State) in FINAL_NODE_STATES or row.CancelRequestedAt is not None:
        return False
    if row.Attempt > attempt:
        return True
    if attempt > row.Settings["retries"]:
        return False
    values = {"Attempt": attempt + 1, "JobRunID": None, "JobRunUrl": None}
    if row.State == NodeState.READY:
        # The attempt never got a job run, so the state stays and only the number moves.
        connection.execute(
            sa.update(node_runs).where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key).values(values)
        )
        write_event(
            connection, run_id, key, row.State, row.State, now=now, detail=_retry_detail(attempt, verdict)
        )
        return True
    return change_node(
        connection,
        run_id,
        key,
        NodeState.READY,
        now=now,
        detail=_retry_detail(attempt, verdict),
        values=values,
    )


def _retry_detail(attempt: int, verdict: Verdict) -> str:
    return f"attempt {attempt} failed and is tried again: {verdict.reason}"


def settle_node(
    connection: sa.Connection, run_id: RunID, key: NodeKey, verdict: Verdict, *, now: datetime
) -> Settled:
    """Put a node into its final state and do all that follows, in the caller's transaction.

    Successors are counted down or skipped, landed files and quality results written, the place given back
    and the next ready nodes claimed. A repeated call finds the node settled and returns the same answer as
    long as the nodes it claimed have not been started.
    """
    moved = change_node(
        connection,
        run_id,
        key,
        verdict.state,
        now=now,
        detail=verdict.reason,
        values={
            "FinishedAt": now,
            "ErrorCode": verdict.error_code,
            "Reason": verdict.reason,
            "RowsRead": verdict.rows_read,
            "RowsPublished": verdict.rows_published,
            "RowsQuarantined": verdict.rows_quarantined,
            "Result": dict(verdict.result) if verdict.result is not None else None,
        },
    )
    if moved:
        _write_results(connection, run_id, key, verdict, now)
        if verdict.state is NodeState.SUCCEEDED:
            closed = 1
            _count_down(connection, run_id, key, now)
        else:
            closed = 1 + _skip_descendants(connection, run_id, key, now)
        connection.execute(
            sa.update(runs)
            .where(runs.c.RunID == run_id)
            .values(OpenNodes=runs.c.OpenNodes - closed, ActiveNodes=runs.c.ActiveNodes - 1)
        )
        claim_ready(connection, run_id, claimed_by=key, now=now)
    return Settled(
        start=claimed_not_started(connection, run_id, claimed_by=key),
        run_ended=open_nodes(connection, run_id) == 0,
    )


def claim_ready(connection: sa.Connection, run_id: RunID, *, claimed_by: str, now: datetime) -> None:
    """Give free places of the run to ready nodes, longest remaining path first."""
    run = connection.execute(
        sa.select(runs.c.MaxParallelNodes, runs.c.ActiveNodes, runs.c.CancelRequestedAt).where(
            runs.c.RunID == run_id
        )
    ).one()
    free = run.MaxParallelNodes - run.ActiveNodes
    if free <= 0 or run.CancelRequestedAt is not None:
        return
    keys: Sequence[str] = (
        connection.execute(
            sa.select(node_runs.c.NodeKey)
            .where(
                node_runs.c.RunID == run_id,
                node_runs.c.State == NodeState.READY,
                node_runs.c.ClaimedAt.is_(None),
            )
            .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
            .limit(free)
        )
        .scalars()
        .all()
    )
    if keys:
        # The condition again, and the count of what moved: another transaction may claim at the same time.
        claimed = connection.execute(
            sa.update(node_runs)
            .where(
                node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(keys), node_runs.c.ClaimedAt.is_(None)
            )
            .values(ClaimedBy=claimed_by, ClaimedAt=now)
        ).rowcount
        connection.execute(
            sa.update(runs).where(runs.c.RunID == run_id).values(ActiveNodes=runs.c.ActiveNodes + claimed)
        )


def claimed_not_started(connection: sa.Connection, run_id: RunID, *, claimed_by: str) -> tuple[NodeKey, ...]:
    """Return the nodes that ``claimed_by`` has claimed and that no attempt has begun."""
    keys: Iterable[str] = connection.execute(
        sa.select(node_runs.c.NodeKey)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.State == NodeState.READY,
            node_runs.c.ClaimedBy == claimed_by,
        )
        .order_by(node_runs.c.Priority.desc(), node_runs.c.NodeRunID)
    ).scalars()
    return tuple(NodeKey(key) for key in keys)


def open_nodes(connection: sa.Connection, run_id: RunID) -> int:
    """Return how many nodes of a run have not reached a final state."""
    count: int = connection.execute(sa.select(runs.c.OpenNodes).where(runs.c.RunID == run_id)).scalar_one()
    return count


def cancel_waiting_nodes(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> None:
    """Cancel every node of a run that no attempt has begun."""
    keys = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.ClaimedAt).where(
            node_runs.c.RunID == run_id, node_runs.c.State.in_([NodeState.WAITING, NodeState.READY])
        )
    ).all()
    moved = change_nodes(
        connection,
        run_id,
        [NodeKey(row.NodeKey) for row in keys],
        NodeState.CANCELLED,
        now=now,
        actor=actor,
        detail="the run was cancelled",
        values={"FinishedAt": now, "Reason": "the run was cancelled"},
    )
    held = sum(1 for row in keys if row.ClaimedAt is not None)
    connection.execute(
        sa.update(runs)
        .where(runs.c.RunID == run_id)
        .values(OpenNodes=runs.c.OpenNodes - len(moved), ActiveNodes=runs.c.ActiveNodes - held)
    )


def _count_down(connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime) -> None:
    successors = sa.select(node_run_edges.c.ToNode).where(
        node_run_edges.c.RunID == run_id, node_run_edges.c.FromNode == key
    )
    connection.execute(
        sa.update(node_runs)
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey.in_(successors))
        .values(WaitingFor=node_runs.c.WaitingFor - 1)
    )
    ready: Iterable[str] = connection.execute(
        sa.select(node_runs.c.NodeKey).where(
            node_runs.c.RunID == run_id,
            node_runs.c.NodeKey.in_(successors),
            node_runs.c.State == NodeState.WAITING,
            node_runs.c.WaitingFor == 0,
        )
    ).scalars()
    change_nodes(
        connection, run_id, [NodeKey(name) for name in ready], NodeState.READY, now=now, actor=ORCHESTRATION
    )


def _skip_descendants(connection: sa.Connection, run_id: RunID, key: NodeKey, now: datetime) -> int:
    """Skip all that can no longer run, and return how many nodes that closed."""
    edges = node_run_edges
    below = (
        sa.select(edges.c.ToNode)
        .where(edges.c.RunID == run_id, edges.c.FromNode == key)
        .cte("below", recursive=True)
    )
    below = below.union_all(
        sa.select(edges.c.ToNode)
        .join(below, edges.c.FromNode == below.c.ToNode)
        .where(edges.c.RunID == run_id)
    )
    descendants: Sequence[str] = connection.execute(sa.select(below.c.ToNode).distinct()).scalars().all()
    reason = f"{key} did not succeed"
    skipped = change_nodes(
        connection,
        run_id,
        [NodeKey(name) for name in descendants],
        NodeState.SKIPPED,
        now=now,
        detail=reason,
        values={"FinishedAt": now, "Reason": reason},
    )
    return len(skipped)


def _write_results(
    connection: sa.Connection, run_id: RunID, key: NodeKey, verdict: Verdict, now: datetime
) -> None:
    node = connection.execute(
        sa.select(node_runs.c.Kind, node_runs.c.Definition, runs.c.DataProductID)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one()
    dataset = node.Definition["output"]["dataset"]
    if verdict.rules:
        connection.execute(
            sa.insert(data_quality_results),
            [
                {
                    "RunID": run_id,
                    "NodeKey": key,
                    "DataSetName": dataset,
                    "RuleName": rule["name"],
                    "Severity": rule["severity"],
                    "RowsChecked": rule["rows_checked"],
                    "RowsFailed": rule["rows_failed"],
                    "CheckedAt": now,
                }
                for rule in verdict.rules
            ],
        )
    if verdict.state is NodeState.SUCCEEDED:
        _publish(connection, node.DataProductID, dataset, run_id, verdict, now)
    if node.Kind == NodeKind.INGEST:
        unreadable = verdict.rejected_files
        settle_files(
            connection,
            run_id,
            dataset=dataset,
            state=FileState.DONE if verdict.state is NodeState.SUCCEEDED else FileState.REJECTED,
            reason=verdict.reason,
            now=now,
            rejected={
                file.url: unreadable[uri]
                for file in (claimed_files(connection, run_id, dataset) if unreadable else ())
                if (uri := parse_blob_url(file.url).abfss()) in unreadable
            },
        )


def _publish(
    connection: sa.Connection,
    product_id: int,
    dataset: str,
    run_id: RunID,
    verdict: Verdict,
    now: datetime,
) -> None:
    values = {
        "RunID": run_id,
        "PublishedAt": now,
        "TableVersion": verdict.table_version,
        "Rows": verdict.rows_published,
    }
    updated = connection.execute(
        sa.update(published_data_sets)
        .where(
            published_data_sets.c.DataProductID == product_id,
            published_data_sets.c.DataSetName == dataset,
        )
        .values(values)
    ).rowcount
    if not updated:
        connection.execute(
            sa.insert(published_data_sets).values(DataProductID=product_id, DataSetName=dataset, **values)
        )
