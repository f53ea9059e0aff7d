"""The list of runs: narrowed, ordered and paged by its address."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request, Response

from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, backend_of
from landfall.console.choices import TIMES
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.instants import read_since
from landfall.metadata.catalog import list_product_keys
from landfall.runs.pausing import find_pauses
from landfall.runs.requests import Trigger
from landfall.runs.run_list import OPEN_STATES, RunFilter, RunOrder, find_runs
from landfall.runs.states import RunState

router = APIRouter(route_class=PageRoute)

OPEN = "open"
_ORDERS = (
    (RunOrder.NEWEST, "newest first"),
    (RunOrder.OLDEST, "oldest first"),
    (RunOrder.LAST_ENDED, "last ended first"),
)
_LIVE_S = 5


@router.get("/runs")
def show_runs(request: Request, caller: Caller) -> Response:
    """Show a page of runs."""
    backend = backend_of(request)
    given = here(request).parameters
    wanted = run_filter(given, backend.now())
    order = _one_of(RunOrder, given.get("order", RunOrder.NEWEST), "order")
    page = backend.database.read(
        lambda connection: find_runs(
            connection, wanted, scope=caller.scope, order=order, cursor=given.get("cursor")
        )
    )
    products, pauses = backend.database.read(
        lambda connection: (list_product_keys(connection, scope=caller.scope), find_pauses(connection))
    )
    return render(
        request,
        caller,
        "runs/list.html",
        section="runs",
        live_s=_LIVE_S,
        runs=page,
        filtered=any(given.get(name) for name in ("product", "state", "trigger", "since", "q")),
        products=products,
        pauses={key: pause for key, pause in pauses.items() if key in products},
        states=(("", "any state"), (OPEN, "open"), *((state, state) for state in RunState)),
        triggers=(("", "any trigger"), *((trigger, trigger) for trigger in Trigger)),
        times=TIMES,
        orders=_ORDERS,
    )


def run_filter(given: Mapping[str, str], now: datetime) -> RunFilter:
    """Return the filter that the parameters of an address stand for.

    Raises:
        InvalidRequest: A parameter means nothing; all that do are named.
    """
    faults = []
    state = given.get("state")
    if state not in {None, OPEN, *RunState}:
        faults.append(f"state: {state!r} is none of {OPEN}, {', '.join(RunState)}.")
    if given.get("trigger") not in {None, *Trigger}:
        faults.append(f"trigger: {given['trigger']!r} is none of {', '.join(Trigger)}.")
    since = read_since(given.get("since"), now)
    if "since" in given and since is None:
        faults.append(f"since: {given['since']!r} is no instant and no age such as 24h or 7d.")
    if faults:
        raise InvalidRequest(faults)
    return RunFilter(
        product=given.get("product"),
        states=OPEN_STATES if state == OPEN else frozenset({RunState(state)} if state else ()),
        trigger=given.get("trigger"),
        since=since,
        begins=given.get("q"),
    )


def _one_of(kind: type[RunOrder], text: str, name: str) -> RunOrder:
    if text not in tuple(kind):
        raise InvalidRequest([f"{name}: {text!r} is none of {', '.join(kind)}."])
    return kind(text)
