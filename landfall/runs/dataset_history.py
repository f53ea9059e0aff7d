"""One dataset over time: what its builds read and published, and what its rules found."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from landfall.metadata.paging import Page, SortKey, read_page
from landfall.metadata.tables import data_quality_results, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.queries import RuleResult, rule_result
from landfall.runs.states import NodeState

MOST_CHECKS = 40
"""Builds that are looked back at where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Build:
    """One node run that built a dataset, or tried to; row counts are ``None`` until it has ended with a result."""

    run_id: RunID
    node: NodeKey
    state: NodeState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rows_read: int | None
    rows_published: int | None
    rows_quarantined: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """What the rules of a dataset found in one run."""

    run_id: RunID
    checked_at: datetime
    rules: tuple[RuleResult, ...]

    @property
    def broken(self) -> int:
        """Rules that some rows broke."""
        return sum(1 for rule in self.rules if rule.rows_failed)


def build_history(
    connection: sa.Connection,
    product_id: int,
    node: NodeKey,
    *,
    limit: int = MOST_CHECKS,
    cursor: str | None = None,
) -> Page[Build]:
    """Return a page of the builds of a node, the newest first.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = (
        sa.select(
            runs.c.RunID,
            runs.c.CreatedAt,
            node_runs.c.NodeKey,
            node_runs.c.State,
            node_runs.c.StartedAt,
            node_runs.c.FinishedAt,
            node_runs.c.RowsRead,
            node_runs.c.RowsPublished,
            node_runs.c.RowsQuarantined,
            node_runs.c.Reason,
        )
        .join_from(runs, node_runs, node_runs.c.RunID == runs.c.RunID)
        .where(runs.c.DataProductID == product_id, node_runs.c.NodeKey == node)
    )
    order = [
        SortKey("created_at", runs.c.CreatedAt, descending=True),
        SortKey("run_id", runs.c.RunID, descending=True),
    ]
    return read_page(connection, query, order, _build, limit=limit, cursor=cursor)


def quality_history(
    connection: sa.Connection,
    product_id: int,
    dataset: str,
    *,
    limit: int = MOST_CHECKS,
    cursor: str | None = None,
) -> Page[QualityCheck]:
    """Return a page of what the rules of a dataset found whenever they looked, the newest first.

    Args:
        limit: Instants at which they looked, which tell one look from another.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    results = data_quality_results.c
    of_dataset = (results.DataProductID == product_id) & (results.DataSetName == dataset)
    looks = sa.select(results.CheckedAt).where(of_dataset).group_by(results.CheckedAt)
    order = [SortKey("checked_at", results.CheckedAt, descending=True)]
    instants = read_page(connection, looks, order, itemgetter(0), limit=limit, cursor=cursor)
    if not instants.items:
        return Page(())
    # All results of one look have its instant, so the oldest and the newest bound the rows to read.
    rows = connection.execute(
        sa.select(data_quality_results)
        .where(of_dataset, results.CheckedAt.between(instants.items[-1], instants.items[0]))
        .order_by(results.CheckedAt.desc(), results.RunID.desc(), results.DataQualityResultID)
    ).all()
    checks = tuple(
        QualityCheck(RunID(run_id), checked_at, tuple(rule_result(row) for row in of_run))
        for (checked_at, run_id), of_run in groupby(rows, key=lambda row: (row.CheckedAt, row.RunID))
    )
    return Page(checks, instants.following)


def _build(row: sa.Row[Any]) -> Build:
    return Build(
        run_id=RunID(row.RunID),
        node=NodeKey(row.NodeKey),
        state=NodeState(row.State),
        created_at=row.CreatedAt,
        started_at=row.StartedAt,
        finished_at=row.FinishedAt,
        rows_read=row.RowsRead,
        rows_published=row.RowsPublished,
        rows_quarantined=row.RowsQuarantined,
        reason=row.Reason,
    )
