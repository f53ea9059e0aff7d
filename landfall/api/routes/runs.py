"""Routes of runs, of requests for them, and of backfills."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from landfall.api import backfills, bulk, run_reads, runs
from landfall.api.access import of_backfill, of_filter, of_request, of_run
from landfall.api.answering import act, act_without_body, problems, read
from landfall.api.answers import (
    BulkAnswer,
    CancelAnswer,
    RequestAnswer,
    RunDetailAnswer,
    StartedRun,
)
from landfall.api.bodies import CancelRuns, NoBody, ReplayRun, RerunRun, RerunRuns
from landfall.api.describing import takes
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, Limit, Product, Since, Until, instant
from landfall.api.run_answers import (
    BackfillPage,
    EventPage,
    LogsAnswer,
    NodeDetailAnswer,
    NodePage,
    RequestPage,
    RulePage,
    RunFilePage,
    RunLineagePage,
    RunPage,
)
from landfall.metadata.scope import Scope
from landfall.roles import Role
from landfall.runs.backfill_acts import Backfill
from landfall.runs.backfills import BackfillState
from landfall.runs.request_list import RequestFilter
from landfall.runs.requests import RequestState, Trigger
from landfall.runs.run_list import RunFilter, RunOrder
from landfall.runs.run_nodes import NodeFilter
from landfall.runs.states import NodeState, RunState
from landfall.spec.model import Layer

router = APIRouter(tags=["runs"])


class BackfillAct(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@router.get("/runs", response_model=RunPage, responses=problems(404))
async def show_runs(
    request: Request,
    caller: Caller,
    product: Product = None,
    state: Annotated[list[RunState], Query(max_length=8)] = [],  # noqa: B006 - it is read only
    trigger: Annotated[
        str | None, Query(max_length=16, description="What started them, such as landing.")
    ] = None,
    since: Since = None,
    until: Until = None,
    begins: Annotated[str | None, Query(max_length=32, description="First characters of the id.")] = None,
    order: RunOrder = RunOrder.NEWEST,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List runs, in one of several orders, those that meet every filter given."""
    of_filter(caller, product)
    now = backend_of(request).now()
    wanted = RunFilter(
        product=product,
        states=frozenset(state),
        trigger=trigger,
        since=instant(since, now, "since"),
        until=instant(until, now, "until"),
        begins=begins,
    )
    return await read(
        request, run_reads.show_runs, wanted, scope=caller.scope, order=order, limit=limit, cursor=cursor
    )


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


@router.get("/runs/{run_id}", response_model=RunDetailAnswer, responses=problems(404))
async def show_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Show one run."""
    return await read(request, run_reads.show_run, await of_run(request, caller, run_id))


@router.get("/runs/{run_id}/nodes", response_model=NodePage, responses=problems(404))
async def show_nodes(
    request: Request,
    caller: Caller,
    run_id: str,
    state: Annotated[list[NodeState], Query(max_length=8)] = [],  # noqa: B006 - it is read only
    layer: Layer | None = None,
    contains: Annotated[str | None, Query(max_length=160, description="Part of the key.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the nodes of a run, upstreams first, those that meet every filter given."""
    known = await of_run(request, caller, run_id)
    wanted = NodeFilter(states=frozenset(state), layer=layer, contains=contains)
    return await read(request, run_reads.show_nodes, known, wanted, limit=limit, cursor=cursor)


@router.get("/runs/{run_id}/nodes/{key}", response_model=NodeDetailAnswer, responses=problems(404))
async def show_node(request: Request, caller: Caller, run_id: str, key: str) -> Response:
    """Show one node of a run: its definition, attempts, inputs, result, rules and files."""
    return await read(request, run_reads.show_node, await of_run(request, caller, run_id), key)


@router.get("/runs/{run_id}/nodes/{key}/logs", response_model=LogsAnswer, responses=problems(404))
async def show_logs(request: Request, caller: Caller, run_id: str, key: str) -> Response:
    """Show what the latest job of a node has printed, asked of the Jobs API at this moment."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_reads.show_logs, known, key, output=backend_of(request).job_output)


@router.get("/runs/{run_id}/events", response_model=EventPage, responses=problems(404))
async def show_events(
    request: Request,
    caller: Caller,
    run_id: str,
    node: Annotated[str | None, Query(max_length=160)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List every change of state of a run and its nodes, the newest first, with who did it."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_reads.show_events, known, node=node, limit=limit, cursor=cursor)


@router.get("/runs/{run_id}/files", response_model=RunFilePage, responses=problems(404))
async def show_run_files(
    request: Request,
    caller: Caller,
    run_id: str,
    dataset: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the landed files that a run claimed."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_reads.show_run_files, known, dataset=dataset, limit=limit, cursor=cursor)


@router.get(
    "/runs/{run_id}/lineage", response_model=RunLineagePage, responses=problems(404), tags=["lineage"]
)
async def show_run_lineage(
    request: Request, caller: Caller, run_id: str, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List which datasets a run read and wrote, in which versions; nothing before it has ended."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_reads.show_run_lineage, known, limit=limit, cursor=cursor)


@router.get("/runs/{run_id}/quality", response_model=RulePage, responses=problems(404))
async def show_results(
    request: Request, caller: Caller, run_id: str, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """Show what the rules of a run found, those with most failed rows first."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_reads.show_results, known, limit=limit, cursor=cursor)


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    response_model=CancelAnswer,
    responses=problems(404, 409),
    openapi_extra=takes(NoBody),
)
async def cancel_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Ask for the end of a run: nodes at work are stopped, waiting ones never start."""
    known = await of_run(request, caller, run_id, Role.OPERATOR)
    return await act_without_body(request, caller, runs.request_cancel, known)


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


@router.get("/requests", response_model=RequestPage, responses=problems(404))
async def show_requests(
    request: Request,
    caller: Caller,
    product: Product = None,
    state: RequestState | None = None,
    trigger: Trigger | None = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List requests for a run with what became of each, the newest first."""
    of_filter(caller, product)
    asked_since = instant(since, backend_of(request).now(), "since")
    wanted = RequestFilter(product=product, state=state, trigger=trigger, since=asked_since)
    return await read(
        request, run_reads.show_requests, wanted, scope=caller.scope, limit=limit, cursor=cursor
    )


@router.get(
    "/requests/{request_id}",
    response_model=RequestAnswer,
    responses={**problems(404, 409), 202: {"model": RequestAnswer, "description": "The run has not ended."}},
)
async def show_request(request: Request, caller: Caller, request_id: str) -> Response:
    """Say where a request stands: 202 until its run has ended, then 200, or 409 if it did not succeed."""
    known = await of_request(request, caller, request_id)
    return await read(request, runs.show_request, known, at=str(request.url))


@router.get("/backfills", response_model=BackfillPage, responses=problems(404), tags=["backfills"])
async def show_backfills(
    request: Request,
    caller: Caller,
    product: Product = None,
    state: BackfillState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List backfills, the newest first."""
    of_filter(caller, product)
    return await read(
        request,
        backfills.show_backfills,
        product,
        state=state,
        scope=caller.scope,
        limit=limit,
        cursor=cursor,
    )


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
    return await act_without_body(request, caller, backfills.change_backfill, known, act_)
