"""Backfills: how far each is, its chunks with their runs, and steering it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from landfall.api import backfills
from landfall.api.access import of_backfill
from landfall.api.identity import Caller, backend_of
from landfall.console.acts import ActPage, NoSuchAct
from landfall.console.address import page
from landfall.console.choices import chosen, words
from landfall.console.command_lines import command
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, see_other
from landfall.metadata.catalog import list_product_keys
from landfall.roles import Role
from landfall.runs.backfill_acts import get_backfill
from landfall.runs.backfill_list import list_backfills
from landfall.runs.backfills import BackfillState

router = APIRouter(route_class=PageRoute)

_LIVE_S = 3


@dataclass(frozen=True, slots=True)
class _BackfillAct:
    title: str
    says: tuple[str, ...]
    submit: str
    danger: bool = False


ACTS: Mapping[str, _BackfillAct] = {
    "pause": _BackfillAct(
        "Pause this backfill", ("The chunk at work goes on to its end; no other one begins.",), "Pause"
    ),
    "resume": _BackfillAct(
        "Resume this backfill", ("It goes on; chunks that did not succeed are tried again.",), "Resume"
    ),
    "cancel": _BackfillAct(
        "Cancel this backfill?",
        (
            "The run of the chunk at work is cancelled too, and no other chunk begins.",
            "What was taken in stays.",
        ),
        "Cancel the backfill",
        danger=True,
    ),
}


@router.get("/backfills")
def show_backfills(request: Request, caller: Caller) -> Response:
    """Show a page of backfills."""
    given = here(request).parameters
    found, products = backend_of(request).database.read(
        lambda connection: (
            list_backfills(
                connection,
                product=given.get("product"),
                state=chosen(given, "state", BackfillState),
                scope=caller.scope,
                cursor=given.get("cursor"),
            ),
            list_product_keys(connection, scope=caller.scope),
        )
    )
    return render(
        request,
        caller,
        "backfills/list.html",
        section="backfills",
        live_s=_LIVE_S,
        backfills=found,
        products=products,
        states=words(BackfillState, "any"),
        filtered=any(given.get(name) for name in ("product", "state")),
    )


@router.get("/backfills/{backfill_id}")
async def show_backfill(request: Request, caller: Caller, backfill_id: str) -> Response:
    """Show one backfill with its chunks."""
    known = await of_backfill(request, caller, backfill_id)
    found = backend_of(request).database.read(lambda connection: get_backfill(connection, known))
    goes_on = found.state in {BackfillState.RUNNING, BackfillState.PAUSED}
    return render(
        request,
        caller,
        "backfills/show.html",
        section="backfills",
        live_s=_LIVE_S if goes_on else None,
        backfill=found,
        goes_on=goes_on,
        may_act=caller.may(Role.OPERATOR, found.product.partition("/")[0]),
    )


@router.get("/backfills/{backfill_id}/{act}")
async def show_act(request: Request, caller: Caller, backfill_id: str, act: str) -> Response:
    """Say what an act does, and ask for it."""
    known = await of_backfill(request, caller, backfill_id, Role.OPERATOR)
    found = _act(act)
    shown = ActPage(
        title=found.title,
        says=found.says,
        address=page("backfills", known, act),
        back=str(page("backfills", known)),
        submit=found.submit,
        danger=found.danger,
        line=command("backfills", act, known),
    )
    return render(request, caller, "form.html", section="backfills", act=shown, fields=(), hidden={})


@router.post("/backfills/{backfill_id}/{act}")
async def do_act(request: Request, caller: Caller, backfill_id: str, act: str) -> Response:
    """Do it."""
    known = await of_backfill(request, caller, backfill_id, Role.OPERATOR)
    _act(act)
    fields = await read_form(request)
    await perform(request, caller, backfills.change_backfill, known, act)
    return see_other(back_of(fields, page("backfills", known)))


def _act(name: str) -> _BackfillAct:
    if name not in ACTS:
        raise NoSuchAct(name, ACTS)
    return ACTS[name]
