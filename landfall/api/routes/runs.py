"""Routes of runs, of requests for them, and of backfills."""

from enum import StrEnum

from fastapi import APIRouter, Request, Response

from landfall.api import backfills, bulk, runs
from landfall.api.access import of_backfill, of_filter, of_request, of_run
from landfall.api.answering import act, problems, read
from landfall.api.answers import (
    BackfillPage,
    BulkAnswer,
    CancelAnswer,
    NodePage,
    RequestAnswer,
    RunAnswer,
    RunPage,
    StartedRun,
)
from landfall.api.bodies import CancelRuns, NoBody, ReplayRun, RerunRun, RerunRuns
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.metadata.scope import Scope
from landfall.roles import Role
from landfall.runs.backfill_acts import Backfill

router = APIRouter(tags=["runs"])


class BackfillAct(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@router.get("/runs", response_model=RunPage, responses=problems(404))
async def show_runs(request: Request, caller: Caller, product: str | None = None) -> Response:
    """List runs, the newest first."""
    of_filter(caller, product)
    return await read(request, runs.show_runs, product, scope=caller.scope)


@router.post(
    "/runs/cancel", response_model=BulkAnswer, responses=problems(404), openapi_extra=takes(CancelRuns)
)
async def cancel_runs(request: Request, caller: Caller) -> Response:
    """Cancel every run that goes on and meets a filter."""
    scope = Scope(caller.domains(Role.OPERATOR))
    return await act(request, caller, bulk.request_cancels, await request.body(), scope=scope)


@router.post(
    "/runs/rerun", response_model=BulkAnswer, responses=problems(404), openapi_extra=takes(RerunRuns)
)
async def rerun_runs(request: Request, caller: Caller) -> Response:
    """Ask for a rerun of every run that has ended and meets a filter."""
    scope = Scope(caller.domains(Role.OPERATOR))
    return await act(request, caller, bulk.request_reruns, await request.body(), scope=scope)


@router.get("/runs/{run_id}", response_model=RunAnswer, responses=problems(404))
async def show_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Show one run."""
    return await read(request, runs.show_run, await of_run(request, caller, run_id))


@router.get("/runs/{run_id}/nodes", response_model=NodePage, responses=problems(404))
async def show_nodes(request: Request, caller: Caller, run_id: str) -> Response:
    """Show the nodes of a run."""
    return await read(request, runs.show_nodes, await of_run(request, caller, run_id))


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    response_model=CancelAnswer,
    responses=problems(404, 409),
    openapi_extra=takes(NoBody),
)
async def cancel_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Ask for the end of a run: nodes at work are stopped, waiting ones never start."""
    return await act(
        request, caller, runs.request_cancel, await of_run(request, caller, run_id, Role.OPERATOR)
    )


@router.post(
    "/runs/{run_id}/rerun",
    status_code=202,
    response_model=StartedRun,
    responses=problems(404, 409),
    openapi_extra=takes(RerunRun),
)
async def rerun(request: Request, caller: Caller, run_id: str) -> Response:
    """Ask for a new run of a part of a former one."""
    return await act(
        request,
        caller,
        runs.start_rerun,
        await of_run(request, caller, run_id, Role.OPERATOR),
        await request.body(),
        at=str(request.url),
        request_id=backend_of(request).new_id(),
    )


@router.post(
    "/runs/{run_id}/replay",
    status_code=202,
    response_model=StartedRun,
    responses=problems(404, 409),
    openapi_extra=takes(ReplayRun),
)
async def replay_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Ask for a run that repeats a former one with its files, metadata and configuration."""
    return await act(
        request,
        caller,
        runs.start_replay,
        await of_run(request, caller, run_id, Role.OPERATOR),
        await request.body(),
        at=str(request.url),
        request_id=backend_of(request).new_id(),
    )


@router.get(
    "/requests/{request_id}",
    response_model=RequestAnswer,
    responses={202: {"model": RequestAnswer, "description": "The run has not ended."}} | problems(404, 409),
)
async def show_request(request: Request, caller: Caller, request_id: str) -> Response:
    """Say where a request stands: 202 until its run has ended, then 200, or 409 if it did not succeed."""
    known = await of_request(request, caller, request_id)
    return await read(request, runs.show_request, known, at=str(request.url))


@router.get("/backfills", response_model=BackfillPage, responses=problems(404), tags=["backfills"])
async def show_backfills(request: Request, caller: Caller, product: str | None = None) -> Response:
    """List backfills, the newest first."""
    of_filter(caller, product)
    return await read(request, backfills.show_backfills, product, scope=caller.scope)


@router.get("/backfills/{backfill_id}", response_model=Backfill, responses=problems(404), tags=["backfills"])
async def show_backfill(request: Request, caller: Caller, backfill_id: str) -> Response:
    """Show a backfill and how far it is."""
    return await read(request, backfills.show_backfill, await of_backfill(request, caller, backfill_id))


@router.post(
    "/backfills/{backfill_id}/{act_}",
    response_model=Backfill,
    responses=problems(404, 409),
    openapi_extra=takes(NoBody),
    tags=["backfills"],
)
async def change_backfill(request: Request, caller: Caller, backfill_id: str, act_: BackfillAct) -> Response:
    """Pause, resume or cancel a backfill; repeating one changes nothing."""
    known = await of_backfill(request, caller, backfill_id, Role.OPERATOR)
    return await act(request, caller, backfills.change_backfill, known, act_)
