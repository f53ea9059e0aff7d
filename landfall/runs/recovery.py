"""What SQL says should be going on, for the timer that starts again what was lost.

Each function is one transaction about one thing, so that what is wrong with one product holds no other one up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.metadata.catalog import get_current_product
from landfall.metadata.tables import (
    data_products,
    landed_files,
    node_runs,
    packs,
    product_leases,
    run_requests,
    runs,
)
from landfall.planning.plan import NodeKey
from landfall.runs.claiming import ClaimedNode, claim_places
from landfall.runs.gate import hold_gate
from landfall.runs.ids import RunID
from landfall.runs.leases import LeaseState, lock_lease, set_lease
from landfall.runs.requests import RequestState
from landfall.runs.states import OPEN_NODE_STATES, OPEN_RUN_STATES, FileState, PackState

# Younger work is still on its way to its orchestration.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has not ended, and its claimed nodes that have not either."""

    run_id: RunID
    product: str
    nodes: tuple[ClaimedNode, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class WaitingProduct:
    """A product with work and an idle lease; ``only_files`` if nobody asked for a run and none is open."""

    product_id: int
    key: str
    only_files: bool


def waiting_products(connection: sa.Connection) -> tuple[WaitingProduct, ...]:
    """Return the products that have work and whose lease nobody holds.

    A run that was open when its product was paused goes on to its end.
    """
    has_file = sa.exists().where(
        landed_files.c.DataProductID == product_leases.c.DataProductID,
        landed_files.c.State == FileState.PENDING,
    )
    has_request = sa.exists().where(
        run_requests.c.DataProductID == product_leases.c.DataProductID,
        run_requests.c.State == RequestState.PENDING,
    )
    has_run = sa.exists().where(
        runs.c.DataProductID == product_leases.c.DataProductID, runs.c.State.in_(OPEN_RUN_STATES)
    )
    goes_on = product_leases.c.PausedAt.is_(None)
    asked = _idle_products(connection, sa.or_(has_run, sa.and_(goes_on, has_request)))
    landed = _idle_products(connection, sa.and_(goes_on, has_file))
    return tuple(
        WaitingProduct(product_id, key, only_files=product_id not in asked)
        for product_id, key in sorted((asked | landed).items())
    )


def take_waiting_lease(connection: sa.Connection, waiting: WaitingProduct, *, now: datetime) -> None:
    """Take the lease of a product that should have a coordinator, unless somebody holds it by now.

    Files alone are a reason only where landing starts runs; elsewhere they wait until a run is asked for.
    """
    if waiting.only_files and not get_current_product(connection, waiting.key).product.run.on_landing:
        return
    if lock_lease(connection, waiting.product_id, now).state is LeaseState.IDLE:
        set_lease(connection, waiting.product_id, LeaseState.ACTIVE, now)


def products_at_work(connection: sa.Connection) -> tuple[str, ...]:
    """Return ``domain/name`` of the products whose lease is active: each should have a coordinator."""
    rows = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .select_from(
            product_leases.join(
                data_products, data_products.c.DataProductID == product_leases.c.DataProductID
            )
        )
        .where(product_leases.c.State == LeaseState.ACTIVE)
        .order_by(product_leases.c.ChangedAt)
    )
    return tuple(f"{row.Domain}/{row.Name}" for row in rows)


def claim_free_places(connection: sa.Connection, *, now: datetime) -> tuple[ClaimedNode, ...]:
    """Give free places to ready nodes that stand beside them, and return those nodes."""
    gate = hold_gate(connection, now)
    return claim_places(connection, gate, own_run=None, claimed_by="reconcile", now=now).nodes


def open_runs(connection: sa.Connection, *, now: datetime) -> tuple[OpenRun, ...]:
    """Return the runs that are open, the oldest first, each with the nodes that should have an orchestration."""
    rows = connection.execute(
        sa.select(runs.c.RunID, runs.c.OpenNodes, data_products.c.Domain, data_products.c.Name)
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(runs.c.State.in_(OPEN_RUN_STATES))
        .order_by(runs.c.CreatedAt)
    ).all()
    return tuple(
        OpenRun(
            run_id=RunID(row.RunID),
            product=f"{row.Domain}/{row.Name}",
            nodes=_overdue_nodes(connection, row.RunID, now),
            ended=row.OpenNodes == 0,
        )
        for row in rows
    )


def _idle_products(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> dict[int, str]:
    """Return ``domain/name`` by id of the products with an idle lease that meet a condition."""
    rows = connection.execute(
        sa.select(product_leases.c.DataProductID, data_products.c.Domain, data_products.c.Name)
        .select_from(
            product_leases.join(
                data_products, data_products.c.DataProductID == product_leases.c.DataProductID
            )
        )
        .where(product_leases.c.State == LeaseState.IDLE, condition)
    )
    return {row.DataProductID: f"{row.Domain}/{row.Name}" for row in rows}


def _overdue_nodes(connection: sa.Connection, run_id: str, now: datetime) -> tuple[ClaimedNode, ...]:
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.Attempt)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.ClaimedAt < now - GRACE,
            node_runs.c.State.in_(OPEN_NODE_STATES),
        )
        .union_all(
            sa.select(packs.c.PackKey, sa.literal(1)).where(
                packs.c.RunID == run_id,
                packs.c.ClaimedAt < now - GRACE,
                packs.c.State != PackState.ENDED,
            )
        )
    )
    return tuple(ClaimedNode(RunID(run_id), NodeKey(row.NodeKey), row.Attempt) for row in rows)
