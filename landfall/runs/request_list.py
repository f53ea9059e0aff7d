"""The list of requests for a run: who asked for what, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, run_requests, runs
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import WITH_PRODUCT_AND_RUN, RequestState, Trigger
from landfall.runs.states import RunState


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """A request and what became of it.

    Attributes:
        trigger: What asks: ``http``, ``rerun``, ``backfill`` and so on.
        state: ``pending`` as long as no run has taken it up, ``done`` where nothing had to be run.
        reason: Why nothing had to be run, or why the run did not succeed.
        datasets: What to start from; empty for what has landed, or for everything if ``full``.
        full: Whether every transformation is to be built again.
        run_state: Of the run that took it up.
    """

    request_id: RequestID
    product: str
    trigger: Trigger
    state: RequestState
    reason: str | None
    datasets: tuple[str, ...]
    full: bool
    requested_at: datetime
    requested_by: str
    run_id: RunID | None
    run_state: RunState | None


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests: those that meet every field given; ``since`` is when they were made, or later."""

    product: str | None = None
    state: RequestState | None = None
    trigger: Trigger | None = None
    since: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if self.product is not None:
            product_id = sa.select(data_products.c.DataProductID).where(named(self.product))
            conditions.append(run_requests.c.DataProductID == product_id.scalar_subquery())
        if self.state is not None:
            conditions.append(run_requests.c.State == self.state)
        if self.trigger is not None:
            conditions.append(run_requests.c.Trigger == self.trigger)
        if self.since is not None:
            conditions.append(run_requests.c.RequestedAt >= self.since)
        return conditions


def list_requests(
    connection: sa.Connection,
    wanted: RequestFilter = RequestFilter(),
    *,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[RequestSummary]:
    """Return a page of requests, the newest first.

    Args:
        scope: Whose requests are seen.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = (
        sa.select(
            run_requests,
            runs.c.State.label("RunState"),
            runs.c.Reason.label("RunReason"),
            data_products.c.Domain,
            data_products.c.Name,
        )
        .select_from(WITH_PRODUCT_AND_RUN)
        .where(*wanted.conditions(), scope.rows())
    )
    order = [
        SortKey("requested_at", run_requests.c.RequestedAt, descending=True),
        SortKey("request_id", run_requests.c.RequestID, descending=True),
    ]
    return read_page(connection, query, order, _summary, limit=limit, cursor=cursor)


def _summary(row: sa.Row[Any]) -> RequestSummary:
    return RequestSummary(
        request_id=RequestID(row.RequestID),
        product=f"{row.Domain}/{row.Name}",
        trigger=Trigger(row.Trigger),
        state=RequestState(row.State),
        reason=row.Reason or row.RunReason,
        datasets=tuple(row.DataSets),
        full=bool(row.Parameters.get("full")),
        requested_at=row.RequestedAt,
        requested_by=row.RequestedBy,
        run_id=RunID(row.RunID) if row.RunID else None,
        run_state=RunState(row.RunState) if row.RunState else None,
    )
