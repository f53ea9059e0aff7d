"""Acts on one product: run it, take files in again, pause and resume it, go back to what was applied before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from landfall.api import backfills, products, runs, versions
from landfall.api.access import of_product
from landfall.api.identity import Caller, Viewer, backend_of
from landfall.calling_back import CallbackPolicy
from landfall.console.acts import NOTHING_SENT, ActPage, NoSuchAct, Sent
from landfall.console.address import page, product_page
from landfall.console.command_lines import command
from landfall.console.forms import Choice
from landfall.console.rendering import render
from landfall.console.routing import PageRoute, back_of, perform, read_form, refused_form, see_other
from landfall.errors import LandfallError
from landfall.roles import Role

router = APIRouter(route_class=PageRoute)

_DATASETS = Choice("datasets", "Datasets", help="Names with commas between; empty for all that land.")


@dataclass(frozen=True, slots=True)
class _ProductAct:
    """An act on a product.

    Attributes:
        title: With the product to be filled in.
        line: Verbs of the command that does the same; the product follows.
        section: The part of the console that it belongs to.
    """

    title: str
    says: tuple[str, ...]
    submit: str
    line: tuple[str, ...]
    role: Role = Role.OPERATOR
    fields: tuple[Choice, ...] = ()
    danger: bool = False
    section: str = "products"


ACTS: Mapping[str, _ProductAct] = {
    "run": _ProductAct(
        "Run {product}",
        ("A new run begins with what has landed and builds everything downstream of it.",),
        "Run",
        ("run",),
        fields=(
            _DATASETS,
            Choice(
                "full", "Build everything again", "flag", "Every transformation, from its tables as they are."
            ),
        ),
    ),
    "backfill": _ProductAct(
        "Backfill {product}",
        (
            "Files of a range are taken in again with the metadata applied now, chunk by chunk behind what lands.",
            "The rows of a file take the place of those it gave before.",
        ),
        "Start the backfill",
        ("backfill",),
        fields=(
            Choice(
                "from", "From", help="The first file's id, or an instant such as 2026-01-31.", required=True
            ),
            Choice(
                "to",
                "To",
                help="The last file's id, or the instant before which files landed.",
                required=True,
            ),
            _DATASETS,
        ),
        section="backfills",
    ),
    "pause": _ProductAct(
        "Pause {product}?",
        ("It opens no new run. What lands and what is asked for waits; an open run goes on to its end.",),
        "Pause",
        ("pause",),
        fields=(Choice("reason", "Why", "words", "Shown to everybody who wonders why nothing runs."),),
    ),
    "resume": _ProductAct(
        "Resume {product}",
        ("It opens runs again. If something has waited, one starts at once.",),
        "Resume",
        ("resume",),
    ),
    "rollback": _ProductAct(
        "Go back to what was applied before?",
        (
            "What {product} said before its current content is applied again, as a new version.",
            "Runs that go on keep the version they began with. The next run uses the restored one.",
        ),
        "Roll back",
        ("rollback",),
        role=Role.OWNER,
        danger=True,
        section="changes",
    ),
}


@router.get("/products/{domain}/{product}/{act}")
def show_product_act(request: Request, caller: Caller, domain: str, product: str, act: str) -> Response:
    """Show what an act does and ask for it."""
    found = _act(act)
    of_product(caller, domain, product, found.role)
    return _form(request, caller, f"{domain}/{product}", act)


@router.post("/products/{domain}/{product}/{act}")
async def do_product_act(request: Request, caller: Caller, domain: str, product: str, act: str) -> Response:
    """Do it, and go on to what came of it; what cannot be taken is shown in the form."""
    found = _act(act)
    key = of_product(caller, domain, product, found.role)
    fields = await read_form(request)
    try:
        return see_other(await _do(request, caller, key, act, fields))
    except LandfallError as error:
        return _form(request, caller, key, act, refused_form(error, fields, found.fields))


async def _do(request: Request, caller: Viewer, key: str, act: str, fields: Mapping[str, str]) -> str:
    """Do an act on a product and return where the browser goes on."""
    backend = backend_of(request)
    match act:
        case "run":
            settings = backend.settings
            asked = await perform(
                request,
                caller,
                runs.start_run,
                key,
                _body(fields, flags=("full",)),
                policy=CallbackPolicy(settings.callback_hosts, settings.callback_loopback),
                at=str(request.url),
                request_id=backend.new_id(),
            )
            return str(page("requests", asked["request_id"]))
        case "backfill":
            body = _body(fields) | {name: fields.get(name, "") for name in ("from", "to")}
            begun = await perform(
                request, caller, backfills.start_backfill, key, body, request_id=backend.new_id()
            )
            return str(page("backfills", begun["backfill_id"]))
        case "pause":
            reason = {"reason": fields["reason"]} if "reason" in fields else {}
            await perform(request, caller, products.request_pause, key, reason)
        case "resume":
            await perform(request, caller, products.request_resume, key)
        case _:
            done = await perform(request, caller, versions.request_rollback, key)
            return str(product_page("changes", key, done["version"]))
    return back_of(fields, product_page("products", key))


def _form(request: Request, caller: Viewer, key: str, act: str, sent: Sent = NOTHING_SENT) -> Response:
    found = _act(act)
    shown = ActPage(
        title=found.title.format(product=key),
        says=tuple(sentence.format(product=key) for sentence in found.says),
        address=product_page("products", key, act),
        back=back_of(sent.fields, product_page("products", key)),
        submit=found.submit,
        danger=found.danger,
        line=command(*found.line, key, *(("--from", "FROM", "--to", "TO") if act == "backfill" else ())),
        sent=sent,
    )
    return render(
        request,
        caller,
        "form.html",
        section=found.section,
        status=400 if sent.faults else 200,
        act=shown,
        fields=found.fields,
        hidden={},
    )


def _body(fields: Mapping[str, str], *, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    body: dict[str, Any] = {name: True for name in flags if name in fields}
    names = [name.strip() for name in fields.get("datasets", "").split(",") if name.strip()]
    return body | ({"datasets": names} if names else {})


def _act(name: str) -> _ProductAct:
    if name not in ACTS:
        raise NoSuchAct(name, ACTS)
    return ACTS[name]
