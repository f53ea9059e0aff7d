"""What operators read of runs: lists, one run with its nodes, its events, and ids from what people type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.inserting import ROWS_AT_ONCE
from landfall.metadata.tables import data_products, data_quality_results, node_runs, runs
from landfall.metadata.tables import run_events as run_events_table
from landfall.planning.plan import NodeKey
from landfall.runs.closing import UnknownRun
from landfall.runs.costs import RunCosts, run_costs
from landfall.runs.ids import RunID
from landfall.runs.plans import read_edges, read_left_out
from landfall.runs.states import NodeState, RunState

LAST = "@last"


class AmbiguousRun(LandfallError):
    """A prefix that several runs begin with."""

    code = "LF3205"

    def __init__(self, prefix: str, matches: tuple[str, ...]) -> None:
        super().__init__(f"Several runs begin with {prefix!r}: {', '.join(matches)}. Give more of the id.")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run.

    Attributes:
        rerun_of: The former run of which it executes a part again.
        cancel_requested_by: Who asked for its end.
    """

    run_id: RunID
    product: str
    trigger: str
    state: RunState
    reason: str | None
    nodes: int
    open_nodes: int
    metadata_version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rerun_of: str | None = None
    cancel_requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A limit that stopped a node, so that it published nothing.

    Attributes:
        rule: The rule it belongs to; ``None`` for one of the dataset.
        setting: The limit, such as ``max_failed_share``; ``severity`` for a rule of severity ``fail``.
        found: Rows, or a share from 0 to 1; ``None`` where only the message can say it.
        allowed: The most (for ``min`` the least) that may be.
    """

    rule: str | None
    setting: str
    found: float | None
    allowed: float | None
    message: str

    def __str__(self) -> str:
        """What to look for in the product file."""
        if self.rule is None:
            return self.setting
        return self.rule if self.setting == "severity" else f"{self.setting} of {self.rule}"


@dataclass(frozen=True, slots=True)
class NodeSummary:
    """One node of a run; row counts are ``None`` until it has ended with a result.

    Attributes:
        submit_at: Its turn at the Jobs API, where that is not at once.
        hold_reason: Why it waits for that turn: the attempt before failed, or the Jobs API did not take it.
        pack: The pack in which it shares a job run with others; ``None`` if it has its own.
    """

    key: NodeKey
    kind: str
    state: NodeState
    attempt: int
    output: str
    layer: str
    claimed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    job_run_id: int | None
    job_run_url: str | None
    error_code: str | None
    reason: str | None
    rows_read: int | None
    rows_published: int | None
    rows_quarantined: int | None
    timings_s: Mapping[str, float]
    stopped_by: tuple[Stop, ...] = ()
    submit_at: datetime | None = None
    hold_reason: str | None = None
    pack: NodeKey | None = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule found in one node.

    Attributes:
        failed_share: Failed rows as a share of the checked ones, from 0 to 1.
        rows_corrected: Rows that the rule repaired.
        version: Hash of what the rule said; ``None`` for a test that the runtime brings along.
        seconds: Of the pass in which the rule was tested, together with others.
        samples: Keys of failing rows, a few at most.
        detail: What a rule on the whole table measured, where it is broken.
    """

    node: NodeKey
    dataset: str
    rule: str
    severity: str
    rows_checked: int
    rows_failed: int
    failed_share: float
    rows_corrected: int | None
    version: str | None
    seconds: float | None
    samples: tuple[str, ...]
    detail: str | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run.

    Attributes:
        edges: Pairs of node keys, predecessor first.
        left_out: Nodes downstream of what changed that could not run, with the reason.
        costs: What its jobs took so far.
    """

    run: RunSummary
    nodes: tuple[NodeSummary, ...]
    rules: tuple[RuleResult, ...]
    edges: tuple[tuple[NodeKey, NodeKey], ...]
    left_out: Mapping[str, str]
    costs: RunCosts


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One change of state; ``key`` is ``None`` for the run itself."""

    event_id: int
    key: NodeKey | None
    before: str | None
    after: str
    occurred_at: datetime
    actor: str
    detail: str | None


def get_run(connection: sa.Connection, run_id: RunID) -> RunDetail:
    """Return one run with its nodes, upstreams first.

    Raises:
        UnknownRun: There is no such run.
    """
    row = connection.execute(run_summaries().where(runs.c.RunID == run_id)).one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    nodes = tuple(
        node_summary(node)
        for node in connection.execute(
            sa.select(node_runs).where(node_runs.c.RunID == run_id).order_by(node_runs.c.NodeRunID),
            execution_options={"yield_per": ROWS_AT_ONCE},
        )
    )
    results = connection.execute(
        sa.select(data_quality_results)
        .where(data_quality_results.c.RunID == run_id)
        .order_by(data_quality_results.c.DataQualityResultID)
    )
    return RunDetail(
        run=run_summary(row),
        nodes=nodes,
        rules=tuple(map(rule_result, results)),
        edges=read_edges(connection, run_id, [node.key for node in nodes]),
        left_out=read_left_out(connection, run_id),
        costs=run_costs(connection, run_id),
    )


def run_events(connection: sa.Connection, run_id: RunID, *, after: int = 0) -> tuple[RunEvent, ...]:
    """Return the changes of a run and its nodes in order, those with an id above ``after``."""
    rows = connection.execute(
        sa.select(run_events_table)
        .where(run_events_table.c.RunID == run_id, run_events_table.c.RunEventID > after)
        .order_by(run_events_table.c.RunEventID)
    )
    return tuple(map(run_event, rows))


def resolve_run_id(connection: sa.Connection, text: str) -> RunID:
    """Return the run that ``text`` means: an id, a prefix that only one id has, or ``@last``.

    Raises:
        UnknownRun: None fits.
        AmbiguousRun: Several do.
    """
    query = sa.select(runs.c.RunID)
    if text == LAST:
        query = query.order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc()).limit(1)
    else:
        query = query.where(runs.c.RunID.startswith(text, autoescape=True)).order_by(runs.c.RunID).limit(6)
    found: tuple[str, ...] = tuple(connection.execute(query).scalars())
    if not found:
        raise UnknownRun(text)
    if len(found) > 1 and text not in found:
        raise AmbiguousRun(text, found)
    return RunID(text if text in found else found[0])


def run_summaries() -> sa.Select[Any]:
    return sa.select(runs, data_products.c.Domain, data_products.c.Name).select_from(
        runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID)
    )


def run_summary(row: sa.Row[Any]) -> RunSummary:
    return RunSummary(
        run_id=RunID(row.RunID),
        product=f"{row.Domain}/{row.Name}",
        trigger=row.Trigger,
        state=RunState(row.State),
        reason=row.Reason,
        nodes=row.NodeCount,
        open_nodes=row.OpenNodes,
        metadata_version=row.MetadataVersion,
        created_at=row.CreatedAt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
        rerun_of=row.RerunOf,
        cancel_requested_by=row.CancelRequestedBy,
    )


def rule_result(row: sa.Row[Any]) -> RuleResult:
    """Return what a row of DataQualityResults says."""
    return RuleResult(
        node=NodeKey(row.NodeKey),
        dataset=row.DataSetName,
        rule=row.RuleName,
        severity=row.Severity,
        rows_checked=row.RowsChecked,
        rows_failed=row.RowsFailed,
        failed_share=row.RowsFailed / row.RowsChecked if row.RowsChecked else 0.0,
        rows_corrected=row.RowsCorrected,
        version=row.RuleVersion,
        seconds=None if row.DurationMs is None else row.DurationMs / 1000,
        samples=tuple(json.loads(row.SampleKeys or "[]")),
        detail=row.Detail,
    )


def node_summary(row: sa.Row[Any]) -> NodeSummary:
    output = row.Definition["output"]
    return NodeSummary(
        key=NodeKey(row.NodeKey),
        kind=row.Kind,
        state=NodeState(row.State),
        attempt=row.Attempt,
        output=output["dataset"],
        layer=output["layer"],
        claimed_at=row.ClaimedAt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
        job_run_id=row.JobRunID,
        job_run_url=row.JobRunUrl,
        error_code=row.ErrorCode,
        reason=row.Reason,
        rows_read=row.RowsRead,
        rows_published=row.RowsPublished,
        rows_quarantined=row.RowsQuarantined,
        timings_s=(row.Result or {}).get("timings_s", {}),
        stopped_by=tuple(Stop(**stop) for stop in (row.Result or {}).get("stopped_by", ())),
        submit_at=row.SubmitAt,
        hold_reason=row.HoldReason,
        pack=NodeKey(row.PackKey) if row.PackKey is not None else None,
    )


def run_event(row: sa.Row[Any]) -> RunEvent:
    return RunEvent(
        event_id=row.RunEventID,
        key=NodeKey(row.NodeKey) if row.NodeKey else None,
        before=row.FromState,
        after=row.ToState,
        occurred_at=row.OccurredAt,
        actor=row.Actor,
        detail=row.Detail,
    )
