"""Quarantine: the datasets of which rows were refused."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_filter
from landfall.api.identity import Caller, backend_of
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.metadata.catalog import list_product_keys
from landfall.runs.refused_list import list_refused

router = APIRouter(route_class=PageRoute)

_LOOKED_BACK = timedelta(days=30)


@router.get("/quarantine")
def show_quarantine(request: Request, caller: Caller) -> Response:
    """Show the datasets of which rows were refused; of one product how many are held, by rule."""
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
    held: tuple[()] = ()
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
