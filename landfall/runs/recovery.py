"""What SQL says should be going on, for the timer that starts again what was lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.metadata.catalog import get_current_product
from landfall.metadata.tables import (
    data_products,
    landed_files,
    node_runs,
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
from landfall.runs.states import FINAL_NODE_STATES, FINAL_RUN_STATES, FileState
from landfall.spec.model import Product

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
class ExpectedWork:
    """What should be going on.

    Attributes:
        coordinators: Products whose lease is active.
        runs: Runs that are open, each with the nodes that should have an orchestration.
        claimed: Ready nodes that stood beside a free place, and have it now.
    """

    coordinators: tuple[Product, ...]
    runs: tuple[OpenRun, ...]
    claimed: tuple[ClaimedNode, ...] = ()


def expected_work(connection: sa.Connection, *, now: datetime) -> ExpectedWork:
    """Take the leases of products with work and no coordinator, and return what should be going on."""
    for product_id in _idle_products_with_work(connection):
        if lock_lease(connection, product_id, now).state is LeaseState.IDLE:
            set_lease(connection, product_id, LeaseState.ACTIVE, now)
    active = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .select_from(
            product_leases.join(
                data_products, data_products.c.DataProductID == product_leases.c.DataProductID
            )
        )
        .where(product_leases.c.State == LeaseState.ACTIVE)
    ).all()
    coordinators = tuple(
        get_current_product(connection, f"{row.Domain}/{row.Name}").product for row in active
    )
    hold_gate(connection, now)
    claimed = claim_places(connection, own_run=None, claimed_by="reconcile", now=now)
    return ExpectedWork(coordinators=coordinators, runs=_open_runs(connection, now), claimed=claimed)


def _idle_products_with_work(connection: sa.Connection) -> list[int]:
    """Return the products that should have a coordinator and whose lease nobody holds.

    A run that was open when its product was paused goes on to its end. Files alone are a reason only where
    landing starts runs; elsewhere they wait until a run is asked for.
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
        runs.c.DataProductID == product_leases.c.DataProductID, runs.c.State.not_in(FINAL_RUN_STATES)
    )
    goes_on = product_leases.c.PausedAt.is_(None)
    asked = _idle_products(connection, sa.or_(has_run, sa.and_(goes_on, has_request)))
    landed = _idle_products(connection, sa.and_(goes_on, has_file))
    on_landing = {
        product_id
        for product_id, key in landed.items()
        if get_current_product(connection, key).product.run.on_landing
    }
    return sorted(asked.keys() | on_landing)


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


def _open_runs(connection: sa.Connection, now: datetime) -> tuple[OpenRun, ...]:
    open_runs = connection.execute(
        sa.select(runs.c.RunID, runs.c.OpenNodes, data_products.c.Domain, data_products.c.Name)
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(runs.c.State.not_in(FINAL_RUN_STATES))
        .order_by(runs.c.CreatedAt)
    ).all()
    return tuple(
        OpenRun(
            run_id=RunID(row.RunID),
            product=f"{row.Domain}/{row.Name}",
            nodes=_overdue_nodes(connection, row.RunID, now),
            ended=row.OpenNodes == 0,
        )
        for row in open_runs
    )


def _overdue_nodes(connection: sa.Connection, run_id: str, now: datetime) -> tuple[ClaimedNode, ...]:
    rows = connection.execute(
        sa.select(node_runs.c.NodeKey, node_runs.c.Attempt).where(
            node_runs.c.RunID == run_id,
            node_runs.c.ClaimedAt < now - GRACE,
            node_runs.c.State.not_in(FINAL_NODE_STATES),
        )
    )
    return tuple(ClaimedNode(RunID(run_id), NodeKey(row.NodeKey), row.Attempt) for row in rows)
