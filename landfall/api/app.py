"""The HTTP application: the API below ``/api`` and the console, made for whoever serves ASGI."""

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from landfall.api.answering import tagged
from landfall.api.cross_site import protect
from landfall.api.describing import describe
from landfall.api.faults import answer_faults
from landfall.api.headers import HeadAsGet, SecurityHeaders
from landfall.api.identity import Owners, viewer
from landfall.api.reply import Reply
from landfall.api.routes import (
    audit,
    catalogue,
    explaining,
    landing,
    products,
    publishing,
    quarantine,
    run_shape,
    runs,
)
from landfall.console.router import router as console
from landfall.settings import IdentitySettings

DESCRIPTION_PATH = "/api/openapi.json"


def create_app(identity: IdentitySettings) -> FastAPI:
    """Return the application; each call brings what it works with in its scope (``bridge.BACKEND``)."""
    app = FastAPI(
        title="Landfall",
        version="1",
        description="Data products that refresh when files land: what operators and pipelines read and do.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(protect)],
    )
    app.state.identity = identity
    app.state.owners = Owners()
    answer_faults(app)
    api = APIRouter(prefix="/api")
    for router in (
        products.router,
        catalogue.router,
        publishing.router,
        runs.router,
        run_shape.router,
        landing.router,
        quarantine.router,
        explaining.router,
        audit.router,
    ):
        api.include_router(router, dependencies=[Depends(viewer)])
    api.include_router(explaining.open_router)
    app.include_router(api)
    app.include_router(console)

    @app.get(DESCRIPTION_PATH, include_in_schema=False)
    async def show_description(request: Request) -> Response:
        return tagged(request, Reply(200, describe(app)))

    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadAsGet)
    return app
