"""The first page: what needs somebody now."""

from fastapi import APIRouter, Request, Response

from landfall.api.identity import Caller, backend_of
from landfall.console.rendering import render
from landfall.console.routing import PageRoute
from landfall.metadata.catalog import list_product_keys
from landfall.runs.attention import SHOWN, attention

router = APIRouter(route_class=PageRoute)

_LIVE_S = 10


def show_home(request: Request, caller: Caller) -> Response:
    """Show what is late, failed, refused or dead."""
    backend = backend_of(request)
    found = backend.database.read(
        lambda connection: attention(connection, scope=caller.scope, now=backend.now())
    )
    is_new = found.is_quiet and not backend.database.read(
        lambda connection: list_product_keys(connection, scope=caller.scope)
    )
    return render(
        request,
        caller,
        "home/show.html",
        section="home",
        live_s=_LIVE_S,
        found=found,
        is_new=is_new,
        most=SHOWN,
    )
