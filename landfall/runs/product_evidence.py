"""The evidence on a product: what decides whether it opens a run, and the runs that were asked for."""

from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.catalog import CurrentProduct
from landfall.metadata.effective import configured_run
from landfall.metadata.tables import product_schedules, run_requests, runs
from landfall.runs.ids import RunID
from landfall.runs.leases import read_lease
from landfall.runs.requests import RequestState
from landfall.runs.states import OPEN_RUN_STATES
from landfall.runs.why.values import NextDue, ProductEvidence, WaitingRequests


def product_evidence(connection: sa.Connection, current: CurrentProduct, now: datetime) -> ProductEvidence:
    """Return the evidence on a product as it is applied now."""
    open_run: str | None = connection.execute(
        sa.select(runs.c.RunID)
        .where(runs.c.DataProductID == current.product_id, runs.c.State.in_(OPEN_RUN_STATES))
        .order_by(runs.c.CreatedAt)
        .limit(1)
    ).scalar_one_or_none()
    settings = configured_run(connection, current, at=now)[0]
    return ProductEvidence(
        key=current.product.key,
        settle_s=settings.settle_s,
        max_wait_s=settings.max_wait_s,
        on_landing=current.product.run.on_landing,
        lease=read_lease(connection, current.product_id),
        open_run=RunID(open_run) if open_run else None,
        schedules=_schedules(connection, current.product_id),
    )


def waiting_requests(connection: sa.Connection, product_id: int) -> WaitingRequests | None:
    """Return the runs of a product that were asked for and are not opened; ``None`` if there are none."""
    pending = sa.and_(
        run_requests.c.DataProductID == product_id, run_requests.c.State == RequestState.PENDING
    )
    count: int = connection.execute(sa.select(sa.func.count()).where(pending)).scalar_one()
    if not count:
        return None
    oldest = connection.execute(
        sa.select(run_requests.c.RequestedBy, run_requests.c.RequestedAt)
        .where(pending)
        .order_by(run_requests.c.RequestedAt)
        .limit(1)
    ).one()
    return WaitingRequests(count, oldest.RequestedBy, oldest.RequestedAt)


def _schedules(connection: sa.Connection, product_id: int) -> tuple[NextDue, ...]:
    rows = connection.execute(
        sa.select(product_schedules)
        .where(product_schedules.c.DataProductID == product_id)
        .order_by(product_schedules.c.NextDueAt)
    )
    return tuple(NextDue(row.Cron, row.TimeZone, row.NextDueAt) for row in rows)
