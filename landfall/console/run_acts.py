"""Acts on one run, each a page that says what it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from landfall.api import runs
from landfall.api.access import of_run
from landfall.api.identity import Caller, backend_of
from landfall.console.acts import ActPage, NoSuchAct
from landfall.console.address import page
from landfall.console.command_lines import command
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, see_other
from landfall.roles import Role
from landfall.runs.ids import RunID

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class _RunAct:
    """An act on a run.

    Attributes:
        title: With the run's id and the node's key to be filled in.
        options: Options of the command line that do the same.
        parts: Whether the metadata may be chosen.
    """

    verb: str
    title: str
    says: tuple[str, ...]
    submit: str
    options: Callable[[str | None], Mapping[str, Any]] = lambda _node: {}
    danger: bool = False
    chooses_metadata: bool = False


ACTS: Mapping[str, _RunAct] = {
    "cancel": _RunAct(
        "cancel",
        "Cancel this run?",
        (
            "Jobs at work are asked to end, nodes that wait never start.",
            "What was published stays. The run can be run again from where it stopped.",
        ),
        "Cancel the run",
        danger=True,
    ),
    "rerun-failed": _RunAct(
        "rerun",
        "Rerun from where it failed",
        (
            "A new run executes the nodes that did not succeed and reuses what did.",
            "Rejected files of nodes that failed are taken along again.",
        ),
        "Rerun from failed",
        lambda _node: {"from_failed": True},
        chooses_metadata=True,
    ),
    "rerun": _RunAct(
        "rerun",
        "Rerun all of it",
        (
            "A new run executes every transformation again, and the nodes that take files in and did not succeed.",
            "Files that were taken in stay as they are.",
        ),
        "Rerun",
        chooses_metadata=True,
    ),
    "rerun-node": _RunAct(
        "rerun",
        "Rerun {node} and what is downstream",
        ("A new run executes this node and everything that is built from it.",),
        "Rerun from here",
        lambda node: {"node": node},
        chooses_metadata=True,
    ),
    "rerun-only": _RunAct(
        "rerun",
        "Rerun {node} alone",
        ("A new run executes this node and nothing downstream of it.",),
        "Rerun this node",
        lambda node: {"node": node, "only": True},
        chooses_metadata=True,
    ),
    "replay": _RunAct(
        "replay",
        "Replay this run",
        (
            "A new run repeats it with exactly its files, its metadata, its plan and its settings.",
            "The rows that the new run writes take the place of those that this one wrote.",
        ),
        "Replay",
    ),
}


@router.get("/runs/{run_id}/{act}")
async def show_act(request: Request, caller: Caller, run_id: str, act: str) -> Response:
    """Show what an act does and ask for it."""
    await of_run(request, caller, run_id, Role.OPERATOR)
    found = _act(act)
    node = here(request).parameters.get("node")
    run_page = page("runs", run_id, node=node)
    shown = ActPage(
        title=found.title.format(node=node),
        says=found.says,
        address=page("runs", run_id, act),
        back=str(run_page),
        submit=found.submit,
        danger=found.danger,
        line=command("runs", found.verb, run_id, **found.options(node)),
    )
    return render(
        request,
        caller,
        "runs/act.html",
        section="runs",
        act=shown,
        node=node,
        chooses_metadata=found.chooses_metadata,
    )


@router.post("/runs/{run_id}/{act}")
async def do_act(request: Request, caller: Caller, run_id: str, act: str) -> Response:
    """Do it; where that asks for a new run, go on to the request for it."""
    known = RunID(await of_run(request, caller, run_id, Role.OPERATOR))
    found = _act(act)
    fields = await read_form(request)
    if found.verb == "cancel":
        await perform(request, caller, runs.request_cancel, known)
        return see_other(back_of(fields, page("runs", run_id)))
    body: dict[str, Any] = dict(found.options(fields.get("node")))
    if "newest" in fields:
        body["newest"] = True
    view = runs.start_replay if found.verb == "replay" else runs.start_rerun
    request_id = backend_of(request).new_id()
    asked = await perform(request, caller, view, known, body, at=str(request.url), request_id=request_id)
    return see_other(page("requests", asked["request_id"]))


def _act(name: str) -> _RunAct:
    if name not in ACTS:
        raise NoSuchAct(name, ACTS)
    return ACTS[name]
