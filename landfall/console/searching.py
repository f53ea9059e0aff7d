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
from landfall.landing.queries import FileFilter, list_files
from landfall.metadata.catalog import find_names
from landfall.metadata.scope import Scope
from landfall.runs.run_list import RunFilter, find_runs

router = APIRouter(route_class=PageRoute)

_MOST_OF_A_KIND = 6


@dataclass(frozen=True, slots=True)
class Found:
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


def _search(connection: sa.Connection, text: str, scope: Scope) -> Iterator[Found]:
    for entry in ENTRIES:
        if text.lower() in entry.label.lower():
            yield _found("page", entry.label, "", entry.address)
    if not text:
        return
    for product, dataset in find_names(connection, text, scope=scope, limit=_MOST_OF_A_KIND):
        if dataset is None:
            yield _found("product", product, "", product_page("products", product))
        else:
            yield _found("dataset", dataset, product, product_page("datasets", product, dataset))
    runs = find_runs(connection, RunFilter(begins=text), scope=scope, limit=_MOST_OF_A_KIND)
    for run in runs.items:
        yield _found("run", run.run_id, f"{run.product}, {run.state}", page("runs", run.run_id))
    files = list_files(connection, FileFilter(name=text), scope=scope, limit=_MOST_OF_A_KIND)
    for file in files.items:
        yield _found(
            "file", file.name, f"{file.dataset or 'no dataset'}, {file.state}", page("files", file.file_id)
        )


def _found(kind: str, name: str, about: str, address: Address) -> Found:
    return Found(kind, name, about, str(address))
