"""Requests for a run: what was asked for, by whom, and the run that answers it."""

import asyncio

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_filter, of_request
from landfall.api.identity import Caller, backend_of
from landfall.console.address import page
from landfall.console.choices import TIMES, chosen, chosen_since, words
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, see_other
from landfall.metadata.catalog import list_product_keys
from landfall.runs.ids import RequestID
from landfall.runs.request_list import RequestFilter, list_requests
from landfall.runs.requests import RequestState, Trigger, request_status

router = APIRouter(route_class=PageRoute)

_LIST_LIVE_S = 5
_LIVE_S = 1


@router.get("/requests")
def show_requests(request: Request, caller: Caller) -> Response:
    """Show a page of requests."""
    given = here(request).parameters
    backend = backend_of(request)
    of_filter(caller, given.get("product"))
    wanted = RequestFilter(
        product=given.get("product"),
        state=chosen(given, "state", RequestState),
        trigger=chosen(given, "trigger", Trigger),
        since=chosen_since(given, backend.now()),
    )
    found, products = backend.database.read(
        lambda connection: (
            list_requests(connection, wanted, scope=caller.scope, cursor=given.get("cursor")),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "requests/list.html",
        section="requests",
        live_s=_LIST_LIVE_S,
        requests=found,
        products=products,
        states=words(RequestState, "any"),
        triggers=words(Trigger, "anything"),
        times=TIMES,
        filtered=any(given.get(name) for name in ("product", "state", "trigger", "since")),
    )


@router.get("/requests/{request_id}")
async def show_request(request: Request, caller: Caller, request_id: str) -> Response:
    """Lead to the run that answers a request; until there is one, say what it waits for."""
    known = RequestID(await of_request(request, caller, request_id))
    status = await asyncio.to_thread(
        backend_of(request).database.read, lambda connection: request_status(connection, known)
    )
    if status.run_id is not None:
        return see_other(page("runs", status.run_id))
    return render(
        request,
        caller,
        "requests/show.html",
        section="requests",
        live_s=None if status.ended else _LIVE_S,
        asked=status,
    )
