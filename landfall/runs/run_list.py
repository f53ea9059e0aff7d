"""The list of runs: what it may be narrowed to, in which orders, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, runs
from landfall.runs.closing import UnknownRun
from landfall.runs.ids import RunID
from landfall.runs.queries import RunSummary, run_summaries, run_summary
from landfall.runs.states import FINAL_RUN_STATES, RunState

OPEN_STATES = frozenset(RunState) - FINAL_RUN_STATES


class RunOrder(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    LAST_ENDED = "last_ended"


def _order(name: str, column: sa.ColumnElement[object], *, descending: bool) -> tuple[SortKey, SortKey]:
    return SortKey(name, column, descending), SortKey("run_id", runs.c.RunID, descending)


_ORDERS: Mapping[RunOrder, tuple[SortKey, SortKey]] = {
    RunOrder.NEWEST: _order("created_at", runs.c.CreatedAt, descending=True),
    RunOrder.OLDEST: _order("created_at", runs.c.CreatedAt, descending=False),
    RunOrder.LAST_ENDED: _order("finished_at", runs.c.FinishedAt, descending=True),
}


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: those that meet every field given.

    Attributes:
        product: ``domain/name``; one that was never applied has no runs.
        states: Empty for all of them.
        trigger: What started them: ``landing``, ``http``, ``rerun`` and so on.
        since: Created from then on.
        until: Created before.
        begins: First characters of the id.
    """

    product: str | None = None
    states: frozenset[RunState] = frozenset()
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    begins: str | None = None


def find_runs(
    connection: sa.Connection,
    wanted: RunFilter,
    *,
    scope: Scope = EVERYTHING,
    order: RunOrder = RunOrder.NEWEST,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[RunSummary]:
    """Return a page of runs; of those that go on none is the last that ended, so that order leaves them out.

    Args:
        scope: Whose runs are seen.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = run_summaries().where(*run_conditions(wanted), scope.rows())
    if order is RunOrder.LAST_ENDED:
        query = query.where(runs.c.FinishedAt.is_not(None))
    return read_page(connection, query, _ORDERS[order], run_summary, limit=limit, cursor=cursor)


def get_run_summary(connection: sa.Connection, run_id: RunID, *, scope: Scope = EVERYTHING) -> RunSummary:
    """Return one run.

    Raises:
        UnknownRun: There is none, or none that is seen.
    """
    row = connection.execute(run_summaries().where(runs.c.RunID == run_id, scope.rows())).one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    return run_summary(row)


def count_runs(
    connection: sa.Connection, wanted: RunFilter, *, scope: Scope = EVERYTHING, most: int = 10_000
) -> int:
    """Return how many runs meet the filter, ``most`` if there are as many or more."""
    found = (
        sa.select(runs.c.RunID)
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(*run_conditions(wanted), scope.rows())
        .limit(most)
        .subquery()
    )
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def run_conditions(wanted: RunFilter) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what the columns of ``Runs`` must be for a run to meet the filter."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.product is not None:
        # A scalar, so that the index on the product is entered at once.
        product_id = sa.select(data_products.c.DataProductID).where(named(wanted.product))
        found.append(runs.c.DataProductID == product_id.scalar_subquery())
    if wanted.states:
        found.append(runs.c.State.in_(sorted(wanted.states)))
    if wanted.trigger is not None:
        found.append(runs.c.Trigger == wanted.trigger)
    if wanted.since is not None:
        found.append(runs.c.CreatedAt >= wanted.since)
    if wanted.until is not None:
        found.append(runs.c.CreatedAt < wanted.until)
    if wanted.begins is not None:
        found.append(runs.c.RunID.startswith(wanted.begins, autoescape=True))
    return tuple(found)
