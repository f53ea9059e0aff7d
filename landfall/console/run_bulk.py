"""Acts on all runs that meet a filter: shown first as they would be, batch by batch, then done."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response

from landfall.api import bulk
from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, Viewer, backend_of
from landfall.console.address import Address, page
from landfall.console.command_lines import command
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form
from landfall.console.runs import OPEN, run_filter
from landfall.metadata.scope import Scope
from landfall.roles import Role
from landfall.runs.run_list import OPEN_STATES, RunFilter, count_runs
from landfall.runs.states import FINAL_RUN_STATES, RunState

router = APIRouter(route_class=PageRoute)

# Batches of one click: a call of the function app has minutes, not hours.
_MOST_BATCHES = 10
_MOST_COUNTED = 10_000
_FILTER = ("product", "state", "since")


class BulkVerb(StrEnum):
    CANCEL = "cancel"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What a click did.

    Attributes:
        runs: As the API tells them.
        following: Behind which more runs may meet the filter.
    """

    runs: tuple[Mapping[str, Any], ...]
    following: str | None


@router.get("/runs/bulk")
async def show_bulk(request: Request, caller: Caller) -> Response:
    """Show what an act on all runs of a filter would do."""
    given = here(request).parameters
    verb = _verb(given)
    preview = await _act(request, caller, verb, given, dry_run=True, most_batches=1)
    return _page(request, caller, verb, given, preview=preview)


@router.post("/runs/bulk")
async def do_bulk(request: Request, caller: Caller) -> Response:
    """Do it, for as many runs as one click takes, and say what came of each."""
    given = await read_form(request)
    verb = _verb(given)
    done = await _act(request, caller, verb, given, dry_run=False, most_batches=_MOST_BATCHES)
    return _page(request, caller, verb, given, done=done)


async def _act(
    request: Request,
    caller: Viewer,
    verb: BulkVerb,
    given: Mapping[str, str],
    *,
    dry_run: bool,
    most_batches: int,
) -> BulkDone:
    view = bulk.request_cancels if verb is BulkVerb.CANCEL else bulk.request_reruns
    body: dict[str, Any] = _choice(given) | {"dry_run": dry_run}
    if verb is BulkVerb.RERUN:
        body |= {"from_failed": given.get("part", "failed") == "failed", "newest": "newest" in given}
    runs: list[Mapping[str, Any]] = []
    following = given.get("after")
    for _ in range(most_batches):
        answer = await perform(
            request,
            caller,
            view,
            body | ({"after": following} if following else {}),
            scope=Scope(caller.domains(Role.OPERATOR)),
        )
        runs += answer["runs"]
        following = answer["following"]
        if following is None:
            break
    return BulkDone(tuple(runs), following)


def _page(
    request: Request,
    caller: Viewer,
    verb: BulkVerb,
    given: Mapping[str, str],
    *,
    preview: BulkDone | None = None,
    done: BulkDone | None = None,
) -> Response:
    backend = backend_of(request)
    wanted = _meant(run_filter(given, backend.now()), verb)
    counted = backend.database.read(
        lambda connection: count_runs(connection, wanted, scope=caller.scope, most=_MOST_COUNTED)
    )
    choice = _choice(given)
    return render(
        request,
        caller,
        "runs/bulk.html",
        section="runs",
        verb=verb,
        given=given,
        states=sorted(wanted.states),
        shown=preview or done,
        done=done is not None,
        counted=counted,
        most_counted=_MOST_COUNTED,
        back=back_of(given, _list(given)),
        line=command(
            "runs", verb, **choice, **({"from_failed": True} if verb is BulkVerb.RERUN else {}), dry_run=True
        ),
    )


def _verb(given: Mapping[str, str]) -> BulkVerb:
    if given.get("act") not in tuple(BulkVerb):
        raise InvalidRequest([f"act: {given.get('act')!r} is none of {', '.join(BulkVerb)}."])
    return BulkVerb(given["act"])


def _choice(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the filter as the API takes it: without a state it takes those that the act is meant for."""
    found: dict[str, Any] = {name: given[name] for name in _FILTER if given.get(name)}
    if found.get("state") == OPEN:
        del found["state"]
    return found or {"all": True}


def _meant(wanted: RunFilter, verb: BulkVerb) -> RunFilter:
    """Return the filter with the states that the act is meant for where it names none."""
    if wanted.states:
        return wanted
    meant = OPEN_STATES if verb is BulkVerb.CANCEL else FINAL_RUN_STATES - {RunState.SUCCEEDED}
    return RunFilter(product=wanted.product, states=meant, since=wanted.since)


def _list(given: Mapping[str, str]) -> Address:
    return page("runs", **{name: given.get(name) for name in _FILTER})
