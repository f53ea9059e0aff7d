"""Runs as they are read over HTTP: lists, one run, its nodes with attempts and logs, events, files and rules."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from landfall.api.products import pause_object
from landfall.api.reply import Reply
from landfall.concealing import without_secrets
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.metadata.engine import Database
from landfall.metadata.paging import PAGE_ROWS
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.planning.plan import NodeKey
from landfall.runs.costs import run_costs
from landfall.runs.ids import RunID, node_instance, run_instance
from landfall.runs.pausing import find_pauses
from landfall.runs.plans import read_left_out
from landfall.runs.queries import NodeSummary, RunSummary
from landfall.runs.request_list import RequestFilter, list_requests
from landfall.runs.run_graph import row_totals, states_by_band
from landfall.runs.run_lineage import find_run_lineage
from landfall.runs.run_list import RunFilter, RunOrder, find_runs, get_run_summary
from landfall.runs.run_nodes import (
    NODES_OF_PAGE,
    NodeFilter,
    find_events,
    find_node_files,
    find_nodes,
    get_node,
    run_rules,
)
from landfall.telemetry import run_span

_ANY_RUN = RunFilter()
_ANY_NODE = NodeFilter()


def show_runs(
    database: Database,
    wanted: RunFilter = _ANY_RUN,
    *,
    scope: Scope = EVERYTHING,
    order: RunOrder = RunOrder.NEWEST,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Reply:
    """Answer ``GET /api/runs``."""
    page = database.read(
        lambda connection: find_runs(connection, wanted, scope=scope, order=order, limit=limit, cursor=cursor)
    )
    pauses = database.read(lambda connection: find_pauses(connection, scope=scope))
    return Reply(
        200,
        {
            "runs": [_summary(item) for item in page.items],
            "paused": [
                pause_object(key, pause) for key, pause in pauses.items() if wanted.product in (None, key)
            ],
            "following": page.following,
        },
    )


def show_requests(
    database: Database, wanted: RequestFilter, *, scope: Scope, limit: int, cursor: str | None
) -> Reply:
    """Answer ``GET /api/requests``."""
    page = database.read(
        lambda connection: list_requests(connection, wanted, scope=scope, limit=limit, cursor=cursor)
    )
    return Reply(200, {"requests": [asdict(item) for item in page.items], "following": page.following})


def show_run(database: Database, run_id: str) -> Reply:
    """Answer ``GET /api/runs/{id}``."""
    found, costs, states, rows = database.read(
        lambda connection: (
            get_run_summary(connection, RunID(run_id)),
            run_costs(connection, RunID(run_id)),
            states_by_band(connection, RunID(run_id)),
            row_totals(connection, RunID(run_id)),
        )
    )
    body = {
        **_summary(found),
        "states": dict(sum(states.values(), Counter())),
        "rows_published": rows.published,
        "rows_quarantined": rows.quarantined,
        "job_seconds": costs.total_s,
        "cost_estimate": costs.total,
        "trace_id": run_span(run_id).trace,
        "instance_id": run_instance(RunID(run_id)),
    }
    return Reply(200, body)


def show_nodes(
    database: Database,
    run_id: str,
    wanted: NodeFilter = _ANY_NODE,
    *,
    limit: int = NODES_OF_PAGE,
    cursor: str | None = None,
) -> Reply:
    """Answer ``GET /api/runs/{id}/nodes``."""
    page, left_out = database.read(
        lambda connection: (
            find_nodes(connection, RunID(run_id), wanted, limit=limit, cursor=cursor),
            read_left_out(connection, RunID(run_id)),
        )
    )
    body = {
        "run_id": run_id,
        "nodes": [_node(item) for item in page.items],
        "left_out": dict(left_out),
        "following": page.following,
    }
    return Reply(200, body)


def show_node(database: Database, run_id: str, key: str) -> Reply:
    """Answer ``GET /api/runs/{id}/nodes/{key}``."""
    found = database.read(lambda connection: get_node(connection, RunID(run_id), NodeKey(key)))
    return Reply(
        200,
        {
            **_node(found.summary),
            "run_id": run_id,
            "job_run_url": found.summary.job_run_url,
            "definition": found.definition,
            "result": found.result,
            "settings": found.settings,
            "parameters": without_secrets(found.parameters),
            "upstream": [asdict(item) for item in found.upstream],
            "downstream": [asdict(item) for item in found.downstream],
            "shares_job_run_with": [asdict(item) for item in found.shares_job_run_with],
            "attempts": [
                {name: value for name, value in asdict(item).items() if name != "idempotency_token"}
                for item in found.attempts
            ],
            "rules": [asdict(item) for item in found.rules],
            "files": [asdict(item) for item in found.files],
            "instance_id": node_instance(RunID(run_id), NodeKey(key)),
        },
    )


def show_logs(database: Database, run_id: str, key: str, *, output: Callable[[JobRunID], JobOutput]) -> Reply:
    """Answer ``GET /api/runs/{id}/nodes/{key}/logs``: what the latest job of a node has printed."""
    found = database.read(lambda connection: get_node(connection, RunID(run_id), NodeKey(key)))
    job_run_id = found.summary.job_run_id
    told = JobOutput(None, None, "") if job_run_id is None else output(JobRunID(job_run_id))
    return Reply(200, {"run_id": run_id, "key": key, "job_run_id": job_run_id, **asdict(told)})


def show_events(
    database: Database, run_id: str, *, node: str | None, limit: int, cursor: str | None
) -> Reply:
    """Answer ``GET /api/runs/{id}/events``: every change of state, the newest first."""
    page = database.read(
        lambda connection: find_events(
            connection, RunID(run_id), node=NodeKey(node) if node else None, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"events": [asdict(item) for item in page.items], "following": page.following})


def show_run_files(
    database: Database, run_id: str, *, dataset: str | None, limit: int, cursor: str | None
) -> Reply:
    """Answer ``GET /api/runs/{id}/files``: the landed files that a run claimed."""
    page = database.read(
        lambda connection: find_node_files(
            connection, RunID(run_id), dataset=dataset, limit=limit, cursor=cursor
        )
    )
    return Reply(200, {"files": [asdict(item) for item in page.items], "following": page.following})


def show_run_lineage(database: Database, run_id: str, *, limit: int, cursor: str | None) -> Reply:
    """Answer ``GET /api/runs/{id}/lineage``: what the run read and wrote, in which versions."""
    page = database.read(
        lambda connection: find_run_lineage(connection, RunID(run_id), limit=limit, cursor=cursor)
    )
    return Reply(200, {"edges": [asdict(item) for item in page.items], "following": page.following})


def show_results(database: Database, run_id: str, *, limit: int, cursor: str | None) -> Reply:
    """Answer ``GET /api/runs/{id}/quality``: what rules found, those with most failed rows first."""
    page = database.read(lambda connection: run_rules(connection, RunID(run_id), limit=limit, cursor=cursor))
    return Reply(200, {"rules": [asdict(item) for item in page.items], "following": page.following})


def _summary(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "product": run.product,
        "trigger": run.trigger,
        "state": run.state,
        "reason": run.reason,
        "nodes": run.nodes,
        "open_nodes": run.open_nodes,
        "metadata_version": run.metadata_version,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "rerun_of": run.rerun_of,
    }


def _node(node: NodeSummary) -> dict[str, Any]:
    return {
        "key": node.key,
        "kind": node.kind,
        "state": node.state,
        "attempt": node.attempt,
        "dataset": node.output,
        "layer": node.layer,
        "started_at": node.started_at,
        "finished_at": node.finished_at,
        "job_run_id": node.job_run_id,
        "pack": node.pack,
        "error_code": node.error_code,
        "reason": node.reason,
        "rows_read": node.rows_read,
        "rows_published": node.rows_published,
        "rows_quarantined": node.rows_quarantined,
        "stopped_by": [asdict(stop) for stop in node.stopped_by],
    }
