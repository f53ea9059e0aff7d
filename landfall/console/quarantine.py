"""Quarantine: the datasets of which rows were refused, and of one product how many are held by rule."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_filter
from landfall.api.backend import Backend
from landfall.api.identity import Caller, backend_of
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.lake import Lake
from landfall.metadata.catalog import list_product_keys
from landfall.runs.held_rows import HeldByRule
from landfall.runs.refused_list import list_refused

router = APIRouter(route_class=PageRoute)

_LOOKED_BACK = timedelta(days=30)


@router.get("/quarantine")
def show_quarantine(request: Request, caller: Caller) -> Response:
    """Show where rows were refused, and of one product how many are held."""
    given = here(request).parameters
    product = given.get("product")
    of_filter(caller, product)
    backend = backend_of(request)
    refused, products = backend.database.read(
        lambda connection: (
            list_refused(
                connection,
                product=product,
                since=backend.now() - _LOOKED_BACK,
                scope=caller.scope,
                cursor=given.get("cursor"),
            ),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    # Held rows are counted in the lake, a table after the other: of all products that would take minutes.
    held = _held(backend, product) if product is not None else ()
    return render(
        request,
        caller,
        "quarantine/list.html",
        section="quarantine",
        refused=refused,
        held=held,
        product=product,
        products=products,
    )


def _held(backend: Backend, product: str) -> tuple[HeldByRule, ...]:
    # It reads the lake with a large library.
    from landfall.quarantine import list_held

    lake = Lake.connect(backend.settings)
    try:
        return list_held(backend.database, lake, backend.settings, product=product)
    finally:
        lake.close()
