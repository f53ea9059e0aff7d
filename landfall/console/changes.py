"""Changes of metadata: what was applied by whom, what each version changed, and the way back."""

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_filter, of_product
from landfall.api.identity import Caller, backend_of
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.metadata.catalog import list_product_keys
from landfall.metadata.versions import get_version_change, list_versions
from landfall.roles import Role

router = APIRouter(route_class=PageRoute)

_LIVE_S = 10


@router.get("/changes")
def show_changes(request: Request, caller: Caller) -> Response:
    """Show a page of what was applied."""
    given = here(request).parameters
    product = given.get("product")
    of_filter(caller, product)
    found, products = backend_of(request).database.read(
        lambda connection: (
            list_versions(connection, product=product, scope=caller.scope, cursor=given.get("cursor")),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "changes/list.html",
        section="changes",
        live_s=_LIVE_S,
        versions=found,
        products=products,
    )


@router.get("/changes/{domain}/{product}/{number}")
def show_change(request: Request, caller: Caller, domain: str, product: str, number: int) -> Response:
    """Show what one version changed."""
    key = of_product(caller, domain, product)
    change = backend_of(request).database.read(lambda connection: get_version_change(connection, key, number))
    return render(
        request,
        caller,
        "changes/show.html",
        section="changes",
        change=change,
        applied=change.version,
        may_decide=caller.may(Role.OWNER, domain),
    )
