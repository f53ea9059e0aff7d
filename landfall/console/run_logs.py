"""What the job of a node has printed, read from the Jobs API when somebody looks."""

import asyncio

from fastapi import APIRouter, Request, Response

from landfall.api.access import of_run
from landfall.api.identity import Caller, backend_of
from landfall.console.rendering import render
from landfall.console.routing import PageRoute
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.run_nodes import get_node

router = APIRouter(route_class=PageRoute)

_NOTHING = JobOutput(error=None, error_trace=None, logs="")


@router.get("/runs/{run_id}/logs/{key}")
async def show_logs(request: Request, caller: Caller, run_id: str, key: str) -> Response:
    """Show what the latest job of a node has printed."""
    known = RunID(await of_run(request, caller, run_id))
    backend = backend_of(request)
    detail = await asyncio.to_thread(
        backend.database.read, lambda connection: get_node(connection, known, NodeKey(key))
    )
    job_run_id = detail.summary.job_run_id
    told = (
        _NOTHING if job_run_id is None else await asyncio.to_thread(backend.job_output, JobRunID(job_run_id))
    )
    return render(
        request, caller, "runs/logs.html", section="runs", run_id=run_id, node=detail.summary, told=told
    )
