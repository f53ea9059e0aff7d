"""Runs that a published port sets off in the products that read it, and ports that have news for a product."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.catalog import (
    CurrentProduct,
    find_current_product,
    get_current_product,
    get_product_key,
)
from landfall.metadata.tables import (
    data_products,
    published_data_sets,
    runs,
    transformation_data_sets,
    transformations,
)
from landfall.runs.closing import close_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import Requested, RunRequest, Trigger, request_run
from landfall.runs.states import RunState


@dataclass(frozen=True, slots=True)
class ClosedRun:
    """A run's final state, ``None`` while a node of it is open, and what its end made other products ask for."""

    state: RunState | None
    requested: tuple[Requested, ...] = ()


def close_and_tell(connection: sa.Connection, run_id: RunID, *, now: datetime) -> ClosedRun:
    """Close a run whose nodes have all ended, and ask for a run of each product that reads what it published."""
    state = close_run(connection, run_id, now=now)
    if state is None:
        return ClosedRun(None)
    return ClosedRun(state, request_consumers(connection, run_id, now=now))


def request_consumers(connection: sa.Connection, run_id: RunID, *, now: datetime) -> tuple[Requested, ...]:
    """Ask for a run of each product that reads a port which a run has published, once for each run.

    Only products that say so run (``on: [upstream]``). Leases are taken in the order of the products.
    """
    product_id: int = connection.execute(
        sa.select(runs.c.DataProductID).where(runs.c.RunID == run_id)
    ).scalar_one()
    key = get_product_key(connection, product_id)
    ports = _published_ports(connection, get_current_product(connection, key), run_id)
    requested = []
    for consumer, read in sorted(_consumers(connection, ports).items()):
        current = find_current_product(connection, consumer)
        if current is None or not current.product.run.on_upstream:
            continue
        request = RunRequest(
            product=consumer,
            trigger=Trigger.UPSTREAM,
            requested_by=f"{key} run {run_id}"[:128],
            parameters={"ports": sorted(read), "published_by": run_id},
            idempotency_key=f"upstream {run_id}",
        )
        request_id = hashlib.sha256(f"{consumer} upstream {run_id}".encode()).hexdigest()[:32]
        requested.append(request_run(connection, request, request_id=RequestID(request_id), now=now))
    return tuple(requested)


def ports_with_news(connection: sa.Connection, current: CurrentProduct) -> frozenset[str]:
    """Return the ports of other products that were published after a transformation read them, or never read.

    A transformation reads what is there when its run is opened, so what was published since then is news.
    """
    read_at = _read_at(connection, current.product_id)
    news = set()
    published: dict[str, datetime | None] = {}
    for item in current.product.transformations:
        for ref in item.inputs:
            if ref.product is None:
                continue
            name = str(ref)
            if name not in published:
                published[name] = _published_at(connection, ref.product, ref.dataset)
            at, last = published[name], read_at.get(item.output.dataset)
            if at is not None and (last is None or last < at):
                news.add(name)
    return frozenset(news)


def _published_ports(connection: sa.Connection, current: CurrentProduct, run_id: RunID) -> frozenset[str]:
    """Return the ports, as other products refer to them, whose tables a run has written."""
    written: set[str] = set(
        connection.execute(
            sa.select(published_data_sets.c.DataSetName).where(
                published_data_sets.c.DataProductID == current.product_id,
                published_data_sets.c.RunID == run_id,
            )
        ).scalars()
    )
    return frozenset(
        f"{current.product.key}.{port.dataset}@{port.version}"
        for port in current.product.ports
        if port.dataset in written
    )


def _consumers(connection: sa.Connection, ports: frozenset[str]) -> Mapping[str, set[str]]:
    """Return the products that read any of the ports, each with those it reads."""
    if not ports:
        return {}
    rows = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name, transformation_data_sets.c.ForeignPort)
        .select_from(
            transformation_data_sets.join(
                transformations,
                transformations.c.TransformationID == transformation_data_sets.c.TransformationID,
            ).join(data_products, data_products.c.DataProductID == transformations.c.DataProductID)
        )
        .where(transformation_data_sets.c.ForeignPort.in_(sorted(ports)))
    )
    consumers: dict[str, set[str]] = {}
    for row in rows:
        consumers.setdefault(f"{row.Domain}/{row.Name}", set()).add(row.ForeignPort)
    return consumers


def _read_at(connection: sa.Connection, product_id: int) -> Mapping[str, datetime]:
    """Return when the run that last published each dataset of a product was opened."""
    rows = connection.execute(
        sa.select(published_data_sets.c.DataSetName, runs.c.CreatedAt)
        .select_from(published_data_sets.join(runs, runs.c.RunID == published_data_sets.c.RunID))
        .where(published_data_sets.c.DataProductID == product_id)
    )
    return {row.DataSetName: row.CreatedAt for row in rows}


def _published_at(connection: sa.Connection, product: str, dataset: str) -> datetime | None:
    domain, _, name = product.partition("/")
    at: datetime | None = connection.execute(
        sa.select(published_data_sets.c.PublishedAt)
        .select_from(
            published_data_sets.join(
                data_products, data_products.c.DataProductID == published_data_sets.c.DataProductID
            )
        )
        .where(
            data_products.c.Domain == domain,
            data_products.c.Name == name,
            published_data_sets.c.DataSetName == dataset,
        )
    ).scalar_one_or_none()
    return at
