"""Routes of products: what to copy, start a run, take files in again, pause and resume."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import backfills, copying, products, runs
from landfall.api.access import of_product
from landfall.api.answering import act, act_without_body, problems, read
from landfall.api.answers import BackfillStarted, CopyPlanAnswer, PauseAnswer, ResumeAnswer, StartedRun
from landfall.api.bodies import NoBody, PauseProduct, StartBackfill, StartRun
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.calling_back import CallbackPolicy
from landfall.roles import Role

router = APIRouter(prefix="/products/{domain}/{product}", tags=["products"])


@router.post(
    "/runs",
    status_code=202,
    response_model=StartedRun,
    responses=problems(404, 409),
    openapi_extra=takes(StartRun),
)
async def start_run(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Ask for a run; ``Location`` answers 202 until it has ended, 200 if it went well and 409 if it did not."""
    settings = backend_of(request).settings
    return await act(
        request,
        caller,
        runs.start_run,
        of_product(caller, domain, product, Role.OPERATOR),
        await request.body(),
        policy=CallbackPolicy(settings.callback_hosts, settings.callback_loopback),
        at=str(request.url),
        request_id=backend_of(request).new_id(),
    )


@router.get("/copy-plan", response_model=CopyPlanAnswer, responses=problems(404))
async def show_copy_plan(
    request: Request,
    caller: Caller,
    domain: str,
    product: str,
    key: Annotated[str | None, Query(description="Name of the copy; without one, the time.")] = None,
    datasets: Annotated[str, Query(description="Only these, parted by commas.")] = "",
    full: Annotated[bool, Query(description="Copy everything once more, not only what is new.")] = False,
) -> Response:
    """Say what of a product is to be copied into the landing zone, every name and statement finished."""
    return await read(
        request,
        copying.show_copy_plan,
        of_product(caller, domain, product),
        key=key,
        full=full,
        datasets=[name for name in datasets.split(",") if name],
        now=backend_of(request).now(),
    )


@router.post("/pause", response_model=PauseAnswer, responses=problems(404), openapi_extra=takes(PauseProduct))
async def pause_product(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Let a product open no new run; what lands and what is asked for waits."""
    key = of_product(caller, domain, product, Role.OPERATOR)
    return await act(request, caller, products.request_pause, key, await request.body())


@router.post("/resume", response_model=ResumeAnswer, responses=problems(404), openapi_extra=takes(NoBody))
async def resume_product(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Let a paused product open runs again; what has waited starts one at once."""
    key = of_product(caller, domain, product, Role.OPERATOR)
    return await act_without_body(request, caller, products.request_resume, key)


@router.post(
    "/backfills",
    status_code=202,
    response_model=BackfillStarted,
    responses={
        **problems(404, 409),
        200: {"model": BackfillStarted, "description": "What it would take in."},
    },
    openapi_extra=takes(StartBackfill),
)
async def start_backfill(request: Request, caller: Caller, domain: str, product: str) -> Response:
    """Take landed files of a range in again, chunk by chunk behind what lands meanwhile."""
    key = of_product(caller, domain, product, Role.OPERATOR)
    return await act(
        request,
        caller,
        backfills.start_backfill,
        key,
        await request.body(),
        request_id=backend_of(request).new_id(),
    )
