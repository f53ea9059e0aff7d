"""The console as one router, mounted by the application that also answers the API."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from landfall.console import (
    audit,
    backfills,
    changes,
    datasets,
    files,
    home,
    letters,
    lineage,
    product_acts,
    products,
    quarantine,
    quarantined_rows,
    requests,
    run_acts,
    run_bulk,
    run_logs,
    run_page,
    runs,
    searching,
    settings,
)
from landfall.console.acts import NoSuchPage
from landfall.console.address import ROOT
from landfall.console.assets import assets, version
from landfall.console.routing import PageRoute

_FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter(prefix=ROOT, route_class=PageRoute, include_in_schema=False)
PARTS = (
    *(products, product_acts, datasets, quarantine, quarantined_rows, lineage),
    *(runs, run_bulk, run_page, run_acts, run_logs, requests),
    *(files, backfills, letters, settings, changes, audit, searching),
)
for part in PARTS:
    router.include_router(part.router)
# Here, because a router without a prefix takes no empty path.
router.add_api_route("", home.show_home)


@router.get("/")
def show_home_at_its_address() -> Response:
    """Lead whoever types a slash to the page."""
    return RedirectResponse(ROOT, status_code=308)


@router.get("/static/{stamp}/{path:path}")
def show_asset(stamp: str, path: str) -> Response:
    """Answer with an asset; under the address of another version it is the one of now, and is not kept."""
    found = assets().get(path)
    if found is None:
        return Response(status_code=404)
    kept = _FOR_EVER if stamp == version() else "no-store"
    return Response(found.content, media_type=found.media_type, headers={"cache-control": kept})


@router.get("/{path:path}")
def show_nothing(request: Request) -> Response:
    """Say on a page that there is no such page; the last route, which takes what no other one took."""
    raise NoSuchPage(request.url.path)
