"""Routes of the shape of a run: its bands and edges, and when its nodes were at work."""

from fastapi import APIRouter, Request, Response

from landfall.api import run_shape
from landfall.api.access import of_run
from landfall.api.answering import problems, read
from landfall.api.identity import Caller, backend_of
from landfall.api.parameters import Cursor, Limit
from landfall.api.run_answers import EdgePage, RunGraphAnswer, TimelineAnswer
from landfall.runs.run_timeline import Rows

router = APIRouter(prefix="/runs/{run_id}", tags=["runs"])


@router.get("/graph", response_model=RunGraphAnswer, responses=problems(404))
async def show_graph(request: Request, caller: Caller, run_id: str) -> Response:
    """Show a run as bands of its layers, with the states of their nodes and the edges between them."""
    return await read(request, run_shape.show_graph, await of_run(request, caller, run_id))


@router.get("/edges", response_model=EdgePage, responses=problems(404))
async def show_edges(
    request: Request, caller: Caller, run_id: str, limit: Limit = 500, cursor: Cursor = None
) -> Response:
    """List which nodes of a run wait for which."""
    known = await of_run(request, caller, run_id)
    return await read(request, run_shape.show_edges, known, limit=limit, cursor=cursor)


@router.get("/timeline", response_model=TimelineAnswer, responses=problems(404))
async def show_timeline(
    request: Request,
    caller: Caller,
    run_id: str,
    rows: Rows = Rows.ALL,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Show when nodes were at work: all by their start, the chain that decided the end, or those that took longest."""
    known = await of_run(request, caller, run_id)
    now = backend_of(request).now()
    return await read(request, run_shape.show_timeline, known, rows, limit=limit, cursor=cursor, now=now)
