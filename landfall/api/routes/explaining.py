"""Routes that explain: why something is as it is, where data comes from, what settings say, how the app is."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import config, health, levels, lineage, why
from landfall.api.access import of_files, of_filter, of_product, of_run
from landfall.api.answering import act, problems, read, respond
from landfall.api.answers import (
    FilesBehindAnswer,
    Findings,
    Health,
    LineageAnswer,
    ServiceLevel,
    SettingChanged,
    SettingHistory,
    SettingPage,
)
from landfall.api.bodies import RollBackSetting, SetSetting
from landfall.api.body import read_object
from landfall.api.describing import takes
from landfall.api.identity import Caller, Viewer, backend_of
from landfall.api.parameters import FileID, Product
from landfall.api.reply import Acted, invalid
from landfall.metadata.lineage import Direction
from landfall.roles import Role

router = APIRouter()
# Answered to everybody, signed in or not.
open_router = APIRouter()


@router.get(
    "/why/datasets/{domain}/{product}/{dataset}",
    response_model=Findings,
    responses=problems(404),
    tags=["why"],
)
async def show_why_dataset(
    request: Request, caller: Caller, domain: str, product: str, dataset: str
) -> Response:
    """Say why a dataset is as it is, and what to do about it."""
    key = of_product(caller, domain, product)
    return await read(request, why.show_why_dataset, key, dataset, now=backend_of(request).now())


@router.get("/why/runs/{run_id}", response_model=Findings, responses=problems(404), tags=["why"])
async def show_why_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Say why a run is as it is, and what to do about it."""
    known = await of_run(request, caller, run_id)
    return await read(request, why.show_why_run, known, now=backend_of(request).now())


@router.get("/why/files/{file_id}", response_model=Findings, responses=problems(404), tags=["why"])
async def show_why_file(request: Request, caller: Caller, file_id: FileID) -> Response:
    """Say why a landed file is as it is, and what to do about it."""
    await of_files(request, caller, [file_id])
    return await read(request, why.show_why_file, str(file_id), now=backend_of(request).now())


@router.get("/lineage", response_model=LineageAnswer, responses=problems(404, 409), tags=["lineage"])
async def show_lineage(
    request: Request,
    caller: Caller,
    of: Annotated[str, Query(description="A dataset, ``domain/product.dataset``, or a column of it.")],
    direction: Direction = Direction.UPSTREAM,
    depth: Annotated[int | None, Query(ge=1, le=1_000, description="Levels to follow.")] = None,
) -> Response:
    """Show the edges that lead to a dataset or column, or away from it."""
    return await read(request, lineage.show_lineage, of, direction, depth, scope=caller.scope)


@router.get(
    "/lineage/files", response_model=FilesBehindAnswer, responses=problems(404, 409), tags=["lineage"]
)
async def show_files_behind(
    request: Request,
    caller: Caller,
    of: Annotated[str, Query(description="A dataset, ``domain/product.dataset``.")],
    version: Annotated[
        int | None, Query(ge=0, le=2**62, description="Of its table; the current one unless given.")
    ] = None,
) -> Response:
    """Show which landed files a version of a dataset was made of, whatever lies between them."""
    return await read(request, lineage.show_files_behind, of, version, scope=caller.scope)


@router.get(
    "/service-levels", response_model=list[ServiceLevel], responses=problems(404), tags=["service levels"]
)
async def show_service_levels(request: Request, caller: Caller, product: str | None = None) -> Response:
    """Show what products promise about freshness and success, and whether they keep it."""
    of_filter(caller, product)
    now = backend_of(request).now()
    return await read(request, levels.show_service_levels, product, now=now, scope=caller.scope)


@router.get("/config", response_model=SettingPage, responses=problems(404), tags=["configuration"])
async def show_settings(
    request: Request, caller: Caller, product: Product = None, at: str | None = None
) -> Response:
    """Show every setting in effect, and who says so."""
    of_filter(caller, product)
    return await read(request, config.show_settings, product, at, now=backend_of(request).now())


@router.get(
    "/config/{name}/history",
    response_model=SettingHistory,
    responses=problems(404, 409),
    tags=["configuration"],
)
async def show_setting_history(
    request: Request, caller: Caller, name: str, product: Product = None
) -> Response:
    """Show every value that a setting was given."""
    of_filter(caller, product)
    return await read(request, config.show_history, name, product)


@router.post(
    "/config/{name}",
    response_model=SettingChanged,
    responses=problems(404, 409),
    openapi_extra=takes(SetSetting),
    tags=["configuration"],
)
async def set_setting(request: Request, caller: Caller, name: str) -> Response:
    """Give a setting a value from an instant on; runs that are open keep the one they started with."""
    return await _configure(request, caller, config.request_set, name)


@router.post(
    "/config/{name}/rollback",
    response_model=SettingChanged,
    responses=problems(404, 409),
    openapi_extra=takes(RollBackSetting),
    tags=["configuration"],
)
async def roll_back_setting(request: Request, caller: Caller, name: str) -> Response:
    """Give a setting the value it had before the current one, as a new version."""
    return await _configure(request, caller, config.request_rollback, name)


async def _configure(request: Request, caller: Viewer, view: Callable[..., Acted], name: str) -> Response:
    """Let pass who owns the domain of the product that a setting is for, or for all products an admin."""
    fields, faults = read_object(await request.body())
    product = fields.get("product")
    if isinstance(product, str):
        of_filter(caller, product)
        caller.require(Role.OWNER, product.partition("/")[0])
    else:
        caller.require(Role.ADMIN, None)
    if faults:
        return respond(invalid(faults).reply)
    return await act(request, caller, view, name, fields)


@open_router.get(
    "/health",
    response_model=Health,
    responses={503: {"model": Health, "description": "A part does not answer."}},
    tags=["health"],
)
async def show_health(request: Request) -> Response:
    """Say whether the app can do its work."""
    return await read(request, health.show_health)
