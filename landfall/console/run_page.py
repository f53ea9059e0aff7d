"""One run: its graph, its timeline, its nodes, rules, files and changes, and a drawer with one node."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, backend_of
from landfall.concealing import without_secrets
from landfall.console.graph.boxes import MOST_SINGLE, Boxes, collapse, group_path, view_of
from landfall.console.graph.drawing import WIDTH, draw
from landfall.console.looks import NODE_STATES
from landfall.console.outlines import OUTLINES
from landfall.console.rendering import here, render, unchanged
from landfall.console.routing import PageRoute
from landfall.console.timeline import ROWS, SCALE, make_timeline
from landfall.metadata.engine import Database
from landfall.metadata.paging import Page
from landfall.planning.plan import NodeKey
from landfall.roles import Role
from landfall.runs.ids import RunID, node_instance, run_instance
from landfall.runs.queries import NodeSummary, RunSummary
from landfall.runs.run_graph import (
    GraphNode,
    RowTotals,
    StatesByBand,
    band_of,
    edges_of,
    graph_nodes,
    last_event,
    row_totals,
    states_by_band,
)
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
from landfall.runs.run_timeline import Rows, run_times
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
    """A run that a page is asked for, where its nodes stand, and the parameters of its address."""

    database: Database
    run: RunSummary
    states: StatesByBand
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
    states, totals, failed = backend.database.read(lambda connection: _standing(connection, run.run_id))
    asked = _Asked(backend.database, run, states, given, now)
    shown = _SHOWN_BY[view](asked)
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
        counts=sum(states.values(), Counter()),
        states=NODE_STATES,
        totals=totals,
        failed=failed,
        view=view,
        views=VIEWS,
        drawer=_drawer(asked),
        **shown,
    )


def _standing(connection: sa.Connection, run_id: RunID) -> tuple[StatesByBand, RowTotals, Page[NodeSummary]]:
    """Return where the nodes of a run stand, its rows, and the first of its failed nodes."""
    states = states_by_band(connection, run_id)
    failed: Page[NodeSummary] = Page(())
    # Few failed nodes are far apart in ten thousand; no look is the quickest.
    if any(counts[NodeState.FAILED] for counts in states.values()):
        wanted = NodeFilter(states=frozenset({NodeState.FAILED}))
        failed = find_nodes(connection, run_id, wanted, limit=_MOST_FAILED)
    return states, row_totals(connection, run_id), failed


def _graph(asked: _Asked) -> dict[str, Any]:
    run_id = asked.run.run_id
    outline = OUTLINES.of(asked.database, run_id)
    opened = [name for name in asked.given.get("open", "").split(",") if name]
    chosen = NodeKey(asked.given["node"]) if "node" in asked.given else None
    band = asked.read(lambda connection: band_of(connection, run_id, chosen)) if chosen is not None else None
    if band is not None and "open" not in asked.given:
        opened += group_path(outline, band)
    view = view_of(outline, opened)

    def read(connection: sa.Connection) -> Boxes:
        nodes = [
            node
            for part in view.parts
            for node in graph_nodes(
                connection, run_id, layer=part.layer, band=part.band, first=chosen, limit=part.most
            )
        ]
        edges = edges_of(connection, run_id, [node.key for node in nodes])
        moments.update((node.key, node) for node in nodes)
        return collapse(outline, asked.states, view, nodes, edges)

    moments: dict[str, GraphNode] = {}
    boxes: Boxes = asked.read(read)
    return {
        "drawing": draw(boxes),
        "box_width": WIDTH,
        "moments": moments,
        "opened": tuple(boxes.opened),
        "closings": {label: _without(tuple(boxes.opened), name) for name, label in boxes.opened.items()},
        "collapsed": outline.nodes > MOST_SINGLE,
    }


def _without(opened: Sequence[str], closed: str) -> str:
    """Return the groups that stay open when one is closed, its bands being closed with it, as a parameter."""
    left = [name for name in opened if name != closed and not name.startswith(f"{closed}.")]
    # The parameter stays: without it the group of a chosen node would open again.
    return ",".join(left) or "none"


def _timeline(asked: _Asked) -> dict[str, Any]:
    run_id = asked.run.run_id
    default = Rows.ALL if asked.run.nodes <= ROWS else Rows.CRITICAL
    text = asked.given.get("rows", default)
    if text not in tuple(Rows):
        raise InvalidRequest([f"rows: {text!r} is none of {', '.join(Rows)}."])
    until = asked.run.finished_at or asked.now
    found = asked.read(
        lambda connection: run_times(
            connection, run_id, Rows(text), until=until, limit=ROWS, cursor=asked.given.get("cursor")
        )
    )
    timeline = make_timeline(
        found.nodes,
        found.layers,
        critical=frozenset(found.chain),
        begun_at=asked.run.created_at,
        until=until,
    )
    return {
        "timeline": timeline,
        "chain_nodes": len(found.chain),
        "critical_s": found.critical_s,
        "following": found.following,
        "rows": Rows(text),
        "all_rows": tuple(Rows),
        "scale": SCALE,
    }


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
    layers = OUTLINES.of(asked.database, asked.run.run_id).layers
    found = asked.read(
        lambda connection: find_nodes(connection, asked.run.run_id, wanted, cursor=given.get("cursor"))
    )
    return {
        "nodes": found,
        "node_states": (("", "any state"), *((state, state) for state in NodeState)),
        "layers": (("", "any layer"), *((name, name) for name in layers)),
    }


def _rules(asked: _Asked) -> dict[str, Any]:
    found = asked.read(lambda connection: run_rules(connection, asked.run.run_id, limit=_MOST_RULES))
    return {"rules": found.items, "most_rules": _MOST_RULES}


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
