"""Rows in quarantine: with their reasons, judged again after a fix, or given up.

``landfall.quarantine`` reads the lake with a large library, so it is imported where it is needed.
"""

from asyncio import to_thread
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from landfall.api import quarantine
from landfall.api.access import of_product
from landfall.api.errors import InvalidRequest
from landfall.api.identity import Caller, Viewer, backend_of
from landfall.console.acts import NOTHING_SENT, ActPage, Sent
from landfall.console.address import page, product_page
from landfall.console.choices import chosen
from landfall.console.command_lines import command
from landfall.console.forms import Choice
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, refused_form, see_other
from landfall.errors import LandfallError
from landfall.roles import Role
from landfall.runs.held_rows import HeldState, RowOrder
from landfall.runs.quarantining import HeldAct, HeldRows

router = APIRouter(route_class=PageRoute)

_ROWS = 50
_ORDERS = (("", "oldest first"), (RowOrder.NEWEST, "newest first"))
_REASON = Choice(
    "reason", "Why", "words", "Kept with the rows, for those who ask where they are.", required=True
)
_FIELDS: Mapping[HeldAct, tuple[Choice, ...]] = {HeldAct.REPLAY: (), HeldAct.DISCARD: (_REASON,)}


@router.get("/quarantine/{domain}/{product}/{dataset}")
def show_rows(request: Request, caller: Caller, domain: str, product: str, dataset: str) -> Response:
    """Show refused rows of a dataset."""
    from landfall.quarantine import count_chosen, read_rows

    key = of_product(caller, domain, product)
    backend = backend_of(request)
    given = here(request).parameters
    wanted = _rows_of(dataset, given)
    state = _state(given)
    order = chosen(given, "order", RowOrder) or RowOrder.OLDEST
    rows = read_rows(
        backend.database,
        backend.settings,
        key,
        wanted,
        state=state,
        order=order,
        limit=_ROWS,
        cursor=given.get("cursor"),
    )
    counted = count_chosen(backend.database, backend.settings, key, wanted)
    return render(
        request,
        caller,
        "quarantine/rows.html",
        section="quarantine",
        product=key,
        dataset=dataset,
        rows=rows,
        orders=_ORDERS,
        counted=counted,
        states=(*((item, item) for item in HeldState), ("any", "any")),
        state=state or "any",
        filtered=any(given.get(name) for name in ("rule", "run", "file")),
        may_act=caller.may(Role.OPERATOR, domain),
    )


@router.get("/quarantine/{domain}/{product}/{dataset}/{act}")
def show_act(
    request: Request, caller: Caller, domain: str, product: str, dataset: str, act: HeldAct
) -> Response:
    """Say what an act does with the rows that are meant, and ask for it."""
    key = of_product(caller, domain, product, Role.OPERATOR)
    return _form(request, caller, key, dataset, act, here(request).parameters)


@router.post("/quarantine/{domain}/{product}/{dataset}/{act}")
async def do_act(
    request: Request, caller: Caller, domain: str, product: str, dataset: str, act: HeldAct
) -> Response:
    """Ask for the run that does it, and go on to the request; what cannot be taken is shown in the form."""
    key = of_product(caller, domain, product, Role.OPERATOR)
    fields = await read_form(request)
    wanted = _rows_of(dataset, fields)
    named = {"rules": wanted.rules, "runs": wanted.runs, "files": wanted.files}
    body = {"dataset": dataset} | {name: list(texts) for name, texts in named.items() if texts}
    if "reason" in fields:
        body["reason"] = fields["reason"]
    backend = backend_of(request)
    try:
        asked = await perform(
            request,
            caller,
            quarantine.act_on_quarantine,
            key,
            act,
            body,
            settings=backend.settings,
            at=str(request.url),
            request_id=backend.new_id(),
        )
    except LandfallError as error:
        sent = refused_form(error, fields, _FIELDS[act])
        return await to_thread(_form, request, caller, key, dataset, act, fields, sent)
    return see_other(page("requests", asked["request_id"]))


def _form(
    request: Request,
    caller: Viewer,
    key: str,
    dataset: str,
    act: HeldAct,
    given: Mapping[str, str],
    sent: Sent = NOTHING_SENT,
) -> Response:
    from landfall.quarantine import count_chosen

    backend = backend_of(request)
    wanted = _rows_of(dataset, given)
    counted = count_chosen(backend.database, backend.settings, key, wanted)
    releases = act is HeldAct.REPLAY
    number = f"{counted.rows:,} {'row' if counted.rows == 1 else 'rows'}"
    says: tuple[str, ...] = (
        (
            f"{number} held are judged again by the rules applied now. Those that pass are published once, "
            "and what is downstream is built again.",
            "Rows that fail stay in quarantine.",
        )
        if releases
        else (
            f"{number} held are given up. They stay in the table, marked as discarded, with your name and reason.",
        )
    )
    if counted.unreadable:
        says += (f"{counted.unreadable:,} of them could not be taken apart, so they cannot be judged again.",)
    filters = {name: given[name] for name in ("rule", "run", "file") if name in given}
    shown = ActPage(
        title=f"Judge rows of {dataset} again" if releases else f"Give up rows of {dataset}?",
        says=says,
        address=product_page("quarantine", key, dataset, act),
        back=back_of(sent.fields, product_page("quarantine", key, dataset, **filters)),
        submit=("Judge them again" if releases else "Discard them") if counted.rows else None,
        danger=not releases,
        line=command(
            "quarantine", act, f"{key}.{dataset}", **_options(wanted, reason=None if releases else "WHY")
        ),
        sent=sent,
    )
    return render(
        request,
        caller,
        "form.html",
        section="quarantine",
        status=400 if sent.faults else 200,
        act=shown,
        fields=_FIELDS[act],
        hidden=filters,
    )


def _rows_of(dataset: str, given: Mapping[str, str]) -> HeldRows:
    texts = [(given[name],) if given.get(name) else () for name in ("rule", "run", "file")]
    return HeldRows(dataset, *texts)


def _options(wanted: HeldRows, *, reason: str | None) -> dict[str, str | None]:
    first = {
        name: texts[0] if texts else None
        for name, texts in (("rule", wanted.rules), ("run", wanted.runs), ("file", wanted.files))
    }
    return {**first, "reason": reason}


def _state(given: Mapping[str, str]) -> HeldState | None:
    text = given.get("state", HeldState.HELD)
    if text == "any":
        return None
    if text not in tuple(HeldState):
        raise InvalidRequest([f"state: {text!r} is none of {', '.join(HeldState)}, any."])
    return HeldState(text)
