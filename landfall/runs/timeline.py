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
    runs,
)
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState

# A burst of thousands of files is one run; a trace with a span for each of them could not be read.
_FILES_IN_TRACE = 100


@dataclass(frozen=True, slots=True)
class FileTimes:
    """A landed file; ``event_at`` is when it was written, ``claimed_at`` when the run took it."""

    url: str
    dataset: str
    event_at: datetime
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptTimes:
    number: int
    job_run_id: int | None
    state: NodeState
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


@dataclass(frozen=True, slots=True)
class RunTimes:
    """A run that has ended, and the first of its files."""

    run_id: RunID
    product: str
    trigger: str
    state: RunState
    nodes: int
    created_at: datetime
    finished_at: datetime
    files: tuple[FileTimes, ...]


def node_times(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeTimes | None:
    """Return when what happened in a node, ``None`` if it has not ended."""
    row = connection.execute(
        sa.select(node_runs, data_products.c.Domain, data_products.c.Name)
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
        claimed_at=row.ClaimedAt,
        finished_at=row.FinishedAt,
        attempts=_attempts(connection, run_id, key),
        phases_s=result.get("timings_s", {}),
        rows={name: rows for name, rows in counted.items() if rows is not None},
        refused=_refused(connection, run_id, key),
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
    files = connection.execute(
        sa.select(landed_files)
        .where(landed_files.c.RunID == run_id, landed_files.c.ClaimedAt.is_not(None))
        .order_by(landed_files.c.LandedFileID)
        .limit(_FILES_IN_TRACE)
    )
    return RunTimes(
        run_id=run_id,
        product=f"{row.Domain}/{row.Name}",
        trigger=row.Trigger,
        state=RunState(row.State),
        nodes=row.NodeCount,
        created_at=row.CreatedAt,
        finished_at=row.FinishedAt,
        files=tuple(FileTimes(file.Url, file.DataSetName, file.EventTime, file.ClaimedAt) for file in files),
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
