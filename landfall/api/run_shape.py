"""The shape of a run over HTTP: its bands and edges, and when its nodes were at work."""

from dataclasses import asdict
from datetime import datetime

from landfall.api.reply import Reply
from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.run_graph import list_edges, run_outline, states_by_band
from landfall.runs.run_list import get_run_summary
from landfall.runs.run_timeline import Rows, run_times


def show_graph(database: Database, run_id: str) -> Reply:
    """Answer ``GET /api/runs/{id}/graph``."""
    outline, states = database.read(
        lambda connection: (
            run_outline(connection, RunID(run_id)),
            states_by_band(connection, RunID(run_id)),
        )
    )
    body = {
        "run_id": run_id,
        "nodes": outline.nodes,
        "bands": [
            {
                **asdict(band.key),
                "nodes": band.nodes,
                "first_step": band.first_step,
                "last_step": band.last_step,
                "states": dict(states.get(band.key, {})),
            }
            for band in outline.bands
        ],
        "edges": [
            {
                "before_layer": before.layer,
                "before_number": before.number,
                "after_layer": after.layer,
                "after_number": after.number,
                "edges": edges,
            }
            for (before, after), edges in sorted(outline.edges.items())
        ],
    }
    return Reply(200, body)


def show_edges(database: Database, run_id: str, *, limit: int, cursor: str | None) -> Reply:
    """Answer ``GET /api/runs/{id}/edges``."""
    page = database.read(lambda connection: list_edges(connection, RunID(run_id), limit=limit, cursor=cursor))
    body = {
        "run_id": run_id,
        "edges": [asdict(item) for item in page.items],
        "following": page.following,
    }
    return Reply(200, body)


def show_timeline(
    database: Database, run_id: str, rows: Rows, *, limit: int, cursor: str | None, now: datetime
) -> Reply:
    """Answer ``GET /api/runs/{id}/timeline``."""
    run = database.read(lambda connection: get_run_summary(connection, RunID(run_id)))
    until = run.finished_at or now
    found = database.read(
        lambda connection: run_times(connection, RunID(run_id), rows, until=until, limit=limit, cursor=cursor)
    )
    return Reply(200, {"run_id": run_id, **asdict(found)})
