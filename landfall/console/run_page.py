"""One run: its graph, its timeline, its nodes, rules, files and changes, and a drawer with one node."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, backend_of
from landfall.console.graph.boxes import collapse, group_path
from landfall.console.graph.drawing import WIDTH, draw
from landfall.console.looks import NODE_STATES
from landfall.console.rendering import here, render, unchanged
from landfall.console.routing import PageRoute
from landfall.console.shapes import SHAPES
from landfall.console.timeline import ROWS, SCALE, Rows, make_timeline
from landfall.metadata.audit import without_secrets
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.roles import Role
from landfall.runs.ids import RunID, node_instance, run_instance
from landfall.runs.queries import RunSummary
from landfall.runs.run_graph import count_states, last_event, node_moments, row_totals
from landfall.runs.run_list import get_run_summary
from landfall.runs.run_nodes import (
    NodeDetail,
    NodeFilter,
    find_events,
    find_node_files,
    find_nodes,
    get_node,
    run_rules,
)
from landfall.runs.states import FINAL_RUN_STATES, NodeState

router = APIRouter(route_class=PageRoute)

_LIVE_S = 2
_MOST_FAILED = 4
_MOST_RULES = 200
VIEWS = (
    ("graph", "Graph"),
    ("timeline", "Timeline"),
    ("nodes", "Nodes"),
    ("rules", "Rules"),
    ("files", "Files"),
    ("events", "Changes"),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run that a page is asked for, and the parameters of its address."""

    database: Database
    run: RunSummary
    given: Mapping[str, str]
    now: datetime

    def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        return self.database.read(work)


@router.get("/runs/{run_id}")
def show_run(request: Request, caller: Caller, run_id: str) -> Response:
    """Show one run in one of its views, with one node in the drawer if the address names it."""
    backend = backend_of(request)
    given = here(request).parameters
    view = given.get("view", "graph")
    if view not in _SHOWN_BY:
        raise InvalidRequest([f"view: {view!r} is none of {', '.join(_SHOWN_BY)}."])
    now = backend.now()
    run, newest = backend.database.read(
        lambda connection: (
            get_run_summary(connection, RunID(run_id), scope=caller.scope),
            last_event(connection, RunID(run_id)),
        )
    )
    goes_on = run.state not in FINAL_RUN_STATES
    # Bars of nodes at work grow without any change in SQL.
    beat = int(now.timestamp()) // 5 if goes_on and view == "timeline" else 0
    version = f"{newest}.{run.state}.{run.open_nodes}.{run.cancel_requested_by}.{beat}"
    known = unchanged(request, version)
    if known is not None:
        return known
    asked = _Asked(backend.database, run, given, now)
    shown = _SHOWN_BY[view](asked)
    counts, totals, failed = asked.read(
        lambda connection: (
            count_states(connection, run.run_id),
            row_totals(connection, run.run_id),
            find_nodes(
                connection,
                run.run_id,
                NodeFilter(states=frozenset({NodeState.FAILED})),
                limit=_MOST_FAILED,
            ),
        )
    )
    domain = run.product.partition("/")[0]
    return render(
        request,
        caller,
        "runs/show.html",
        section="runs",
        live_s=_LIVE_S if goes_on else None,
        version=version,
        run=run,
        goes_on=goes_on,
        instance=run_instance(run.run_id),
        may_act=caller.may(Role.OPERATOR, domain),
        counts=counts,
        states=NODE_STATES,
        totals=totals,
        failed=failed,
        view=view,
        views=VIEWS,
        drawer=_drawer(asked),
        **shown,
    )


def _graph(asked: _Asked) -> dict[str, Any]:
    shape = SHAPES.of(asked.database, asked.run.run_id)
    moments = asked.read(lambda connection: node_moments(connection, asked.run.run_id))
    chosen = asked.given.get("node")
    opened = [name for name in asked.given.get("open", "").split(",") if name]
    key = NodeKey(chosen) if chosen is not None and chosen in shape else None
    if key is not None and "open" not in asked.given:
        opened += group_path(shape, key)
    boxes = collapse(shape, moments, opened=opened, chosen=key)
    return {
        "drawing": draw(boxes),
        "box_width": WIDTH,
        "moments": moments,
        "opened": tuple(boxes.opened),
        "closings": {label: _without(tuple(boxes.opened), name) for name, label in boxes.opened.items()},
        "collapsed": len(boxes.boxes) < len(shape) or bool(boxes.opened),
    }


def _without(opened: Sequence[str], closed: str) -> str:
    """Return the groups that stay open when one is closed, its bands being closed with it, as a parameter."""
    left = [name for name in opened if name != closed and not name.startswith(f"{closed}.")]
    # The parameter stays: without it the group of a chosen node would open again.
    return ",".join(left) or "none"


def _timeline(asked: _Asked) -> dict[str, Any]:
    shape = SHAPES.of(asked.database, asked.run.run_id)
    moments = asked.read(lambda connection: node_moments(connection, asked.run.run_id))
    default = Rows.ALL if len(shape) <= ROWS else Rows.CRITICAL
    text = asked.given.get("rows", default)
    if text not in tuple(Rows):
        raise InvalidRequest([f"rows: {text!r} is none of {', '.join(Rows)}."])
    timeline = make_timeline(
        shape,
        moments,
        begun_at=asked.run.created_at,
        until=asked.run.finished_at or asked.now,
        rows=Rows(text),
    )
    return {"timeline": timeline, "rows": Rows(text), "all_rows": tuple(Rows), "scale": SCALE}


def _nodes(asked: _Asked) -> dict[str, Any]:
    given = asked.given
    state = given.get("state")
    if state not in {None, *NodeState}:
        raise InvalidRequest([f"state: {state!r} is none of {', '.join(NodeState)}."])
    wanted = NodeFilter(
        states=frozenset({NodeState(state)} if state else ()),
        layer=given.get("layer"),
        contains=given.get("q"),
    )
    shape = SHAPES.of(asked.database, asked.run.run_id)
    found = asked.read(
        lambda connection: find_nodes(connection, asked.run.run_id, wanted, cursor=given.get("cursor"))
    )
    return {
        "nodes": found,
        "node_states": (("", "any state"), *((state, state) for state in NodeState)),
        "layers": (
            ("", "any layer"),
            *((name, name) for name in dict.fromkeys(node.layer for node in shape.values())),
        ),
    }


def _rules(asked: _Asked) -> dict[str, Any]:
    found = asked.read(lambda connection: run_rules(connection, asked.run.run_id, limit=_MOST_RULES))
    return {"rules": found, "most_rules": _MOST_RULES}


def _files(asked: _Asked) -> dict[str, Any]:
    found = asked.read(
        lambda connection: find_node_files(connection, asked.run.run_id, cursor=asked.given.get("cursor"))
    )
    return {"files": found}


def _events(asked: _Asked) -> dict[str, Any]:
    found = asked.read(
        lambda connection: find_events(connection, asked.run.run_id, cursor=asked.given.get("cursor"))
    )
    return {"events": found}


_SHOWN_BY: Mapping[str, Callable[[_Asked], dict[str, Any]]] = {
    "graph": _graph,
    "timeline": _timeline,
    "nodes": _nodes,
    "rules": _rules,
    "files": _files,
    "events": _events,
}


def _drawer(asked: _Asked) -> dict[str, Any] | None:
    """Return what the drawer shows, ``None`` if the address names no node.

    Raises:
        NodeNotInRun: It names one that the run does not have.
    """
    text = asked.given.get("node")
    if text is None:
        return None
    key = NodeKey(text)
    detail: NodeDetail = asked.read(lambda connection: get_node(connection, asked.run.run_id, key))
    return {
        "node": detail.summary,
        "detail": detail,
        "given": {"parameters": without_secrets(detail.parameters), "settings": detail.settings},
        "instance": node_instance(asked.run.run_id, key),
        "inputs": _inputs(detail, asked.run.product),
    }


def _inputs(detail: NodeDetail, product: str) -> list[dict[str, Any]]:
    """Return the tables that a node reads, each with the version that its job read, or that the run pinned."""
    read = {item["name"]: item["version"] for item in detail.result.get("inputs", ())}
    return [
        {
            "name": item["dataset"] if item["product"] == product else f"{item['product']}.{item['dataset']}",
            "version": read.get(item["name"], item["version"]),
        }
        for item in detail.definition["inputs"]
    ]
