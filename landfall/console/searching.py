"""What the search of the console finds: pages, products, datasets, runs and files by what somebody types."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from landfall.api.identity import Caller, backend_of
from landfall.concealing import concealed
from landfall.console.address import Address, page, product_page
from landfall.console.navigation import ENTRIES
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute
from landfall.metadata.scope import Scope
from landfall.runs.finding import Found, Kind, find

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that was found, and where it is shown."""

    kind: str
    name: str
    about: str
    href: str


@router.get("/search")
def show_search(request: Request, caller: Caller) -> Response:
    """Answer the palette with JSON, and who has no scripts with a page."""
    text = here(request).parameters.get("q", "").strip()
    found = backend_of(request).database.read(
        lambda connection: tuple(_search(connection, text, caller.scope))
    )
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"found": concealed([asdict(item) for item in found])})
    return render(request, caller, "search.html", text=text, found=found)


def _search(connection: sa.Connection, text: str, scope: Scope) -> Iterator[Shown]:
    for entry in ENTRIES:
        if text.lower() in entry.label.lower():
            yield Shown("page", entry.label, "", str(entry.address))
    for item in find(connection, text, scope=scope):
        yield Shown(item.kind, item.name, item.about, str(_address(item)))


def _address(item: Found) -> Address:
    match item.kind:
        case Kind.PRODUCT:
            return product_page("products", item.key)
        case Kind.DATASET:
            return product_page("datasets", item.about, item.name)
        case Kind.RUN:
            return page("runs", item.key)
        case Kind.FILE:
            return page("files", item.key)
