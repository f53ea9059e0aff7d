"""Nodes of one run: the list of them, page by page, and one of them with all that is known of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.paging import Page, SortKey, read_page
from landfall.metadata.tables import (
    data_quality_results,
    landed_files,
    node_attempts,
    node_run_edges,
    node_runs,
    run_events,
    run_files,
    run_requests,
    runs,
)
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.pack_neighbours import PackNeighbour, pack_neighbours
from landfall.runs.queries import NodeSummary, RuleResult, RunEvent, node_summary, rule_result, run_event
from landfall.runs.states import FileState, NodeState

NODES_OF_PAGE = 100
# Files of an ingest node that are shown with it; the files of the run are all of them.
_MOST_FILES = 20
# Neighbours of a node that are shown with it.
MOST_NEIGHBOURS = 40

_PLAN_ORDER = (SortKey("plan", node_runs.c.NodeRunID),)
_FILE_ORDER = (SortKey("file_id", run_files.c.LandedFileID),)
_EVENT_ORDER = (SortKey("event_id", run_events.c.RunEventID, descending=True),)


class NodeNotInRun(LandfallError):
    """A run has no such node."""

    code = "LF3217"

    def __init__(self, run_id: str, key: str) -> None:
        super().__init__(
            f"Run {run_id} has no node {key!r}. `landfall runs show {run_id}` lists those it has."
        )
        self.key = key


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Which nodes of a run: those that meet every field given.

    Attributes:
        contains: A part of the key.
    """

    states: frozenset[NodeState] = frozenset()
    layer: str | None = None
    contains: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a node; ``failure`` says whose fault it was: user, infrastructure or capacity."""

    number: int
    state: NodeState
    job_run_id: int | None
    idempotency_token: str
    failure: str | None
    error_code: str | None
    reason: str | None
    submitted_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node of the same run before or behind another one."""

    key: NodeKey
    state: NodeState


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A landed file that a run claimed; ``state`` is that of now."""

    file_id: int
    url: str
    dataset: str
    size_bytes: int
    state: FileState
    reason: str | None


@dataclass(frozen=True, slots=True)
class NodeDetail:
    """One node of a run.

    Attributes:
        definition: Its part of the pinned plan, as ``PlanNode`` describes it.
        result: What its job reported, as ``node_result.schema.json`` of the Spark runtime has it; empty without one.
        upstream: The first nodes that it waits for.
        downstream: The first nodes that wait for it.
        shares_job_run_with: The other nodes of its pack.
        attempts: The first one first.
        files: The first of the landed files that it takes in.
        settings: What the run pinned of its product's settings and configuration.
        parameters: What those who asked for the run gave it.
    """

    summary: NodeSummary
    definition: Mapping[str, Any]
    result: Mapping[str, Any]
    upstream: tuple[Neighbour, ...]
    downstream: tuple[Neighbour, ...]
    shares_job_run_with: tuple[PackNeighbour, ...]
    attempts: tuple[AttemptRecord, ...]
    rules: tuple[RuleResult, ...]
    files: tuple[NodeFile, ...]
    settings: Mapping[str, Any]
    parameters: Mapping[str, Any]


def find_nodes(
    connection: sa.Connection,
    run_id: RunID,
    wanted: NodeFilter,
    *,
    limit: int = NODES_OF_PAGE,
    cursor: str | None = None,
) -> Page[NodeSummary]:
    """Return a page of the nodes of a run, upstreams first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = sa.select(node_runs).where(node_runs.c.RunID == run_id)
    if wanted.states:
        query = query.where(node_runs.c.State.in_(sorted(wanted.states)))
    if wanted.layer is not None:
        query = query.where(node_runs.c.Layer == wanted.layer)
    if wanted.contains is not None:
        query = query.where(node_runs.c.NodeKey.contains(wanted.contains, autoescape=True))
    return read_page(connection, query, _PLAN_ORDER, node_summary, limit=limit, cursor=cursor)


def get_node(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeDetail:
    """Return one node of a run.

    Raises:
        NodeNotInRun: The run has no such node, or there is no such run.
    """
    row = connection.execute(
        sa.select(node_runs).where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one_or_none()
    if row is None:
        raise NodeNotInRun(run_id, key)
    attempts = connection.execute(
        sa.select(node_attempts)
        .where(node_attempts.c.RunID == run_id, node_attempts.c.NodeKey == key)
        .order_by(node_attempts.c.Attempt)
    )
    rules = connection.execute(
        sa.select(data_quality_results)
        .where(data_quality_results.c.RunID == run_id, data_quality_results.c.NodeKey == key)
        .order_by(data_quality_results.c.DataQualityResultID)
    )
    summary = node_summary(row)
    return NodeDetail(
        summary=summary,
        definition=row.Definition,
        result=row.Result or {},
        upstream=_neighbours(connection, run_id, node_run_edges.c.FromNode, node_run_edges.c.ToNode == key),
        downstream=_neighbours(connection, run_id, node_run_edges.c.ToNode, node_run_edges.c.FromNode == key),
        shares_job_run_with=pack_neighbours(connection, run_id, summary.pack, key),
        attempts=tuple(map(_attempt, attempts)),
        rules=tuple(map(rule_result, rules)),
        files=find_node_files(
            connection, run_id, dataset=row.Definition["output"]["dataset"], limit=_MOST_FILES
        ).items,
        settings=connection.execute(sa.select(runs.c.Settings).where(runs.c.RunID == run_id)).scalar_one(),
        parameters=_parameters(connection, run_id),
    )


def find_node_files(
    connection: sa.Connection,
    run_id: RunID,
    *,
    dataset: str | None = None,
    limit: int = NODES_OF_PAGE,
    cursor: str | None = None,
) -> Page[NodeFile]:
    """Return a page of the landed files that a run claimed, of one dataset or of all, whatever became of them later.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = (
        sa.select(
            run_files.c.LandedFileID,
            landed_files.c.Url,
            landed_files.c.DataSetName,
            landed_files.c.SizeBytes,
            landed_files.c.State,
            landed_files.c.Reason,
        )
        .select_from(run_files.join(landed_files, landed_files.c.LandedFileID == run_files.c.LandedFileID))
        .where(run_files.c.RunID == run_id)
    )
    if dataset is not None:
        query = query.where(landed_files.c.DataSetName == dataset)
    return read_page(connection, query, _FILE_ORDER, _file, limit=limit, cursor=cursor)


def find_events(
    connection: sa.Connection,
    run_id: RunID,
    *,
    node: NodeKey | None = None,
    limit: int = NODES_OF_PAGE,
    cursor: str | None = None,
) -> Page[RunEvent]:
    """Return a page of the changes of a run and its nodes, or of one node, the newest first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = sa.select(run_events).where(run_events.c.RunID == run_id)
    if node is not None:
        query = query.where(run_events.c.NodeKey == node)
    return read_page(connection, query, _EVENT_ORDER, run_event, limit=limit, cursor=cursor)


def run_rules(
    connection: sa.Connection, run_id: RunID, *, limit: int, cursor: str | None = None
) -> Page[RuleResult]:
    """Return a page of what the rules of a run found, those with most failed rows first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    results = data_quality_results.c
    query = sa.select(data_quality_results).where(results.RunID == run_id)
    order = [
        SortKey("rows_failed", results.RowsFailed, descending=True),
        SortKey("result_id", results.DataQualityResultID),
    ]
    return read_page(connection, query, order, rule_result, limit=limit, cursor=cursor)


def _neighbours(
    connection: sa.Connection,
    run_id: RunID,
    other: sa.Column[str],
    leads_here: sa.ColumnElement[bool],
) -> tuple[Neighbour, ...]:
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.State)
        .select_from(
            node_run_edges.join(
                node_runs, (node_runs.c.RunID == node_run_edges.c.RunID) & (node_runs.c.NodeKey == other)
            )
        )
        .where(node_run_edges.c.RunID == run_id, leads_here)
        # Reckoned, so that nobody walks all nodes of the run in this order to look for an edge of each.
        .order_by(node_runs.c.NodeRunID + 0)
        .limit(MOST_NEIGHBOURS)
    )
    return tuple(Neighbour(NodeKey(row.NodeKey), NodeState(row.State)) for row in rows)


def _attempt(row: sa.Row[Any]) -> AttemptRecord:
    return AttemptRecord(
        number=row.Attempt,
        state=NodeState(row.State),
        job_run_id=row.JobRunID,
        idempotency_token=row.IdempotencyKey,
        failure=row.Failure,
        error_code=row.ErrorCode,
        reason=row.Reason,
        submitted_at=row.SubmittedAt,
        finished_at=row.FinishedAt,
    )


def _file(row: sa.Row[Any]) -> NodeFile:
    return NodeFile(
        row.LandedFileID, row.Url, row.DataSetName, row.SizeBytes, FileState(row.State), row.Reason
    )


def _parameters(connection: sa.Connection, run_id: RunID) -> Mapping[str, Any]:
    """Return what the requests that the run answers gave it, the later one's where two say the same."""
    rows: Iterable[Mapping[str, Any]] = connection.execute(
        sa.select(run_requests.c.Parameters)
        .where(run_requests.c.RunID == run_id)
        .order_by(run_requests.c.RequestedAt)
    ).scalars()
    return {key: value for parameters in rows for key, value in parameters.items()}
