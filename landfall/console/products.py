"""Products: the list of all, and the page of one with everything that hangs on it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from landfall.api.access import of_product
from landfall.api.catalogue import dataset_as_seen, product_as_seen
from landfall.api.identity import Caller, backend_of
from landfall.console.choices import chosen, words
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.contracts.contract import contracts_of
from landfall.metadata.acts import acts_on_product
from landfall.metadata.catalog import get_current_product
from landfall.roles import Role
from landfall.runs.dataset_list import DatasetFilter, list_datasets
from landfall.runs.leases import read_lease
from landfall.runs.product_detail import consumers_of, rows_by_run
from landfall.runs.product_evidence import waiting_requests
from landfall.runs.product_list import ProductFilter, ProductOrder, find_products, get_product
from landfall.runs.run_list import RunFilter, find_runs
from landfall.runs.service_levels import LevelReport, list_service_levels
from landfall.runs.states import RunState
from landfall.spec.model import Layer

router = APIRouter(route_class=PageRoute)

_LIVE_S = 10
_LAYERS = tuple(Layer)
_MOST_DATASETS = 1_000
_MOST_RUNS = 10
_MOST_ACTS = 10
_ORDERS = (
    (ProductOrder.NAME, "by name"),
    (ProductOrder.STALEST, "published longest ago first"),
    (ProductOrder.LAST_APPLIED, "applied last first"),
)


@router.get("/products")
def show_products(request: Request, caller: Caller) -> Response:
    """Show a page of products."""
    given = here(request).parameters
    wanted = ProductFilter(
        contains=given.get("q"),
        last_state=chosen(given, "state", RunState),
        paused="paused" in given,
    )
    order = chosen(given, "order", ProductOrder) or ProductOrder.NAME
    found = backend_of(request).database.read(
        lambda connection: find_products(
            connection, wanted, scope=caller.scope, order=order, cursor=given.get("cursor")
        )
    )
    seen = tuple(product_as_seen(item, caller.scope) for item in found.items)
    return render(
        request,
        caller,
        "products/list.html",
        section="products",
        live_s=_LIVE_S,
        products=replace(found, items=seen),
        filtered=any(given.get(name) for name in ("q", "state", "paused")),
        states=words(RunState, "any"),
        orders=_ORDERS,
    )


@router.get("/products/{domain}/{product}")
def show_product(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Show one product; of another domain only what it publishes."""
    key = f"{domain}/{product}"
    own = caller.scope.sees(domain)
    backend = backend_of(request)
    now = backend.now()
    current = backend.database.read(lambda connection: get_current_product(connection, key))
    if not current.product.ports:
        of_product(caller, domain, product)
    shown: dict[str, Any] = backend.database.read(
        lambda connection: {
            "summary": product_as_seen(get_product(connection, key), caller.scope),
            "datasets": [
                dataset_as_seen(item, caller.scope)
                for item in sorted(
                    list_datasets(
                        connection, DatasetFilter(product=key), scope=caller.scope, limit=_MOST_DATASETS
                    ).items,
                    # As data flows; the names of a layer stay in their order.
                    key=lambda item: _LAYERS.index(item.layer),
                )
            ],
            "consumers": consumers_of(connection, key),
            "levels": _levels(connection, key, now) if own else (),
            "pause": read_lease(connection, current.product_id).pause if own else None,
            "waiting": waiting_requests(connection, current.product_id) if own else None,
            "runs": find_runs(connection, RunFilter(product=key), limit=_MOST_RUNS).items if own else (),
            "rows": rows_by_run(connection, current.product_id) if own else (),
            "acts": acts_on_product(connection, current.product_id)[-_MOST_ACTS:] if own else (),
        }
    )
    return render(
        request,
        caller,
        "products/show.html",
        section="products",
        live_s=_LIVE_S,
        product=current.product,
        contracts=contracts_of(current.product, {}),
        own=own,
        may_act=caller.may(Role.OPERATOR, domain),
        may_decide=caller.may(Role.OWNER, domain),
        **shown,
    )


def _levels(
    connection: sa.Connection, product: str, now: datetime
) -> list[tuple[LevelReport, datetime | None]]:
    """Return the objectives of a product, those about a dataset with when it was published last."""
    return [
        (level, None if level.age_s is None else now - timedelta(seconds=level.age_s))
        for level in list_service_levels(connection, product=product, now=now)
    ]
