"""When what happened in a run, as SQL knows it: for traces and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import (
    data_products,
    data_quality_results,
    landed_files,
    node_attempts,
    node_runs,
    run_files,
    run_requests,
    runs,
)
from landfall.planning.plan import NodeKey
from landfall.runs.costs import price_of
from landfall.runs.ids import RunID, is_pack
from landfall.runs.states import FINAL_NODE_STATES, NodeState, RunState

# A burst of thousands of files is one run; a trace with a span for each of them could not be read.
_FILES_IN_TRACE = 100


@dataclass(frozen=True, slots=True)
class FileTimes:
    """A landed file.

    Attributes:
        event_at: When it was written.
        landed_at: When its event was taken in.
        claimed_at: When the run took it.
        is_first: Whether no other run took it before; how long a file of a backfill lies there tells nothing.
    """

    url: str
    dataset: str
    event_at: datetime
    landed_at: datetime
    claimed_at: datetime
    is_first: bool


@dataclass(frozen=True, slots=True)
class AttemptTimes:
    """One attempt; ``failure`` says whose it was: user, infrastructure or capacity."""

    number: int
    job_run_id: int | None
    state: NodeState
    failure: str | None
    error_code: str | None
    submitted_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """A node that has ended.

    Attributes:
        claimed_at: When its place was taken; ``None`` if it never came to that.
        phases_s: Seconds that its job took for each phase, in their order, ``total`` among them.
        rows: Rows read, published and quarantined, those that are known.
        refused: Rows that did not pass, by rule.
        price_per_hour: Of its jobs, 0 where none is set.
    """

    key: NodeKey
    product: str
    kind: str
    output: str
    state: NodeState
    error_code: str | None
    claimed_at: datetime | None
    finished_at: datetime
    attempts: tuple[AttemptTimes, ...]
    phases_s: Mapping[str, float]
    rows: Mapping[str, int]
    refused: Mapping[str, int]
    price_per_hour: float


@dataclass(frozen=True, slots=True)
class RunTimes:
    """A run that has ended, and the first of its files.

    Attributes:
        asked_at: When the first of what it was opened for was known: a file was taken in, or a run asked for.
        started_at: ``None`` if it was cancelled before.
    """

    run_id: RunID
    product: str
    trigger: str
    state: RunState
    nodes: int
    asked_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    files: tuple[FileTimes, ...]


def nodes_settled_by(connection: sa.Connection, run_id: RunID, key: NodeKey) -> tuple[NodeKey, ...]:
    """Return the nodes whose end is told with that of a node, or of a pack: itself, or its nodes."""
    if not is_pack(key):
        return (key,)
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey)
        .where(
            node_runs.c.RunID == run_id, node_runs.c.PackKey == key, node_runs.c.State.in_(FINAL_NODE_STATES)
        )
        .order_by(node_runs.c.NodeRunID)
    )
    return tuple(NodeKey(row.NodeKey) for row in rows)


def node_times(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeTimes | None:
    """Return when what happened in a node, ``None`` if it has not ended."""
    row = connection.execute(
        sa.select(node_runs, runs.c.Settings, data_products.c.Domain, data_products.c.Name)
        .select_from(
            node_runs.join(runs, runs.c.RunID == node_runs.c.RunID).join(
                data_products, data_products.c.DataProductID == runs.c.DataProductID
            )
        )
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one()
    if row.FinishedAt is None:
        return None
    result: Mapping[str, Any] = row.Result or {}
    counted = {"read": row.RowsRead, "published": row.RowsPublished, "quarantined": row.RowsQuarantined}
    return NodeTimes(
        key=key,
        product=f"{row.Domain}/{row.Name}",
        kind=row.Kind,
        output=row.Definition["output"]["dataset"],
        state=NodeState(row.State),
        error_code=row.ErrorCode,
        claimed_at=row.ClaimedAt or row.StartedAt,
        finished_at=row.FinishedAt,
        attempts=_attempts(connection, run_id, key),
        phases_s=result.get("timings_s", {}),
        rows={name: rows for name, rows in counted.items() if rows is not None},
        refused=_refused(connection, run_id, key),
        price_per_hour=price_of(row.Settings),
    )


def run_times(connection: sa.Connection, run_id: RunID) -> RunTimes | None:
    """Return when what happened in a run, ``None`` if it has not ended."""
    row = connection.execute(
        sa.select(runs, data_products.c.Domain, data_products.c.Name)
        .join_from(runs, data_products, data_products.c.DataProductID == runs.c.DataProductID)
        .where(runs.c.RunID == run_id)
    ).one()
    if row.FinishedAt is None:
        return None
    files = _files(connection, run_id)
    asked: datetime | None = connection.execute(
        sa.select(sa.func.min(run_requests.c.RequestedAt)).where(run_requests.c.RunID == run_id)
    ).scalar_one()
    first = [file.landed_at for file in files if file.is_first]
    return RunTimes(
        run_id=run_id,
        product=f"{row.Domain}/{row.Name}",
        trigger=row.Trigger,
        state=RunState(row.State),
        nodes=row.NodeCount,
        asked_at=min([row.CreatedAt, *first, *([asked] if asked is not None else [])]),
        created_at=row.CreatedAt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
        files=files,
    )


def _files(connection: sa.Connection, run_id: RunID) -> tuple[FileTimes, ...]:
    other = run_files.alias()
    claimed_before = sa.exists().where(
        other.c.LandedFileID == landed_files.c.LandedFileID, other.c.RunID != run_id
    )
    rows = connection.execute(
        sa.select(landed_files, sa.case((claimed_before, 1), else_=0).label("IsAgain"))
        .where(landed_files.c.RunID == run_id, landed_files.c.ClaimedAt.is_not(None))
        .order_by(landed_files.c.LandedFileID)
        .limit(_FILES_IN_TRACE)
    )
    return tuple(
        FileTimes(
            url=row.Url,
            dataset=row.DataSetName,
            event_at=row.EventTime,
            landed_at=row.LandedAt,
            claimed_at=row.ClaimedAt,
            is_first=not row.IsAgain,
        )
        for row in rows
    )


def _attempts(connection: sa.Connection, run_id: RunID, key: NodeKey) -> tuple[AttemptTimes, ...]:
    rows = connection.execute(
        sa.select(node_attempts)
        .where(
            node_attempts.c.RunID == run_id,
            node_attempts.c.NodeKey == key,
            node_attempts.c.FinishedAt.is_not(None),
        )
        .order_by(node_attempts.c.Attempt)
    )
    return tuple(
        AttemptTimes(
            number=row.Attempt,
            job_run_id=row.JobRunID,
            state=NodeState(row.State),
            failure=row.Failure,
            error_code=row.ErrorCode,
            submitted_at=row.SubmittedAt,
            finished_at=row.FinishedAt,
        )
        for row in rows
    )


def _refused(connection: sa.Connection, run_id: RunID, key: NodeKey) -> dict[str, int]:
    rows = connection.execute(
        sa.select(data_quality_results.c.RuleName, data_quality_results.c.RowsFailed).where(
            data_quality_results.c.RunID == run_id,
            data_quality_results.c.NodeKey == key,
            data_quality_results.c.RowsFailed > 0,
        )
    )
    return {row.RuleName: row.RowsFailed for row in rows}
