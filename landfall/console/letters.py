"""Dead events: messages that nobody could handle, replayed once their cause was put right, or given up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from landfall.api import letters
from landfall.api.identity import Caller, backend_of
from landfall.console.acts import ActPage, ActRefused, NoSuchAct
from landfall.console.address import page
from landfall.console.choices import chosen, words
from landfall.console.command_lines import command
from landfall.console.forms import Choice
from landfall.console.rendering import here, render
from landfall.console.routing import PageRoute, back_of, perform, read_form, see_other
from landfall.landing.dead_letters import (
    DeadLetter,
    LetterFilter,
    LetterSource,
    LetterState,
    get_dead_letters,
    list_dead_letters,
)
from landfall.roles import Role

router = APIRouter(route_class=PageRoute)

_LIVE_S = 5
_ANY = "any"


@dataclass(frozen=True, slots=True)
class _LetterAct:
    title: str
    says: tuple[str, ...]
    submit: str
    danger: bool = False


ACTS: Mapping[str, _LetterAct] = {
    "replay": _LetterAct(
        "Handle {what} again",
        (
            "What came is handled as if it came now. What cannot be handled still is dead again, with the reason.",
        ),
        "Replay",
    ),
    "discard": _LetterAct(
        "Give {what} up?",
        ("Nothing is handled any more. It stays in the table with your name.",),
        "Discard",
        danger=True,
    ),
}


@router.get("/dead-events")
def show_letters(request: Request, caller: Caller) -> Response:
    """Show a page of dead events; they belong to no domain, so only who sees everything sees them."""
    caller.require(Role.READER, None)
    given = here(request).parameters
    state = LetterState.DEAD if "state" not in given else None
    if given.get("state") not in (None, _ANY):
        state = chosen(given, "state", LetterState)
    wanted = LetterFilter(state, chosen(given, "source", LetterSource), given.get("code"))
    found = backend_of(request).database.read(
        lambda connection: list_dead_letters(connection, wanted, cursor=given.get("cursor"))
    )
    return render(
        request,
        caller,
        "letters/list.html",
        section="dead-events",
        live_s=_LIVE_S,
        letters=found,
        states=(*((item, item) for item in LetterState), (_ANY, "any")),
        state=state or _ANY,
        sources=words(LetterSource, "any"),
        filtered=any(given.get(name) for name in ("state", "source", "code")),
        may_act=caller.may(Role.OPERATOR, None),
    )


@router.get("/dead-events/{letter_id}")
def show_letter(request: Request, caller: Caller, letter_id: int) -> Response:
    """Show one dead event with the message as it came."""
    caller.require(Role.READER, None)
    letter = _letter(request, letter_id)
    return render(
        request,
        caller,
        "letters/show.html",
        section="dead-events",
        live_s=_LIVE_S,
        letter=letter,
        payload=_as_json(letter.payload),
        may_act=letter.state is LetterState.DEAD and caller.may(Role.OPERATOR, None),
    )


@router.get("/dead-events/all/{act}")
def show_act_on_all(request: Request, caller: Caller, act: str) -> Response:
    """Say what an act on every dead event of the filter does, and ask for it."""
    caller.require(Role.OPERATOR, None)
    given = here(request).parameters
    return _act_page(request, caller, act, given, None)


@router.get("/dead-events/{letter_id}/{act}")
def show_act(request: Request, caller: Caller, letter_id: int, act: str) -> Response:
    """Say what an act does, and ask for it."""
    caller.require(Role.OPERATOR, None)
    return _act_page(request, caller, act, {}, _letter(request, letter_id).letter_id)


@router.post("/dead-events/all/{act}")
async def do_act_on_all(request: Request, caller: Caller, act: str) -> Response:
    """Act on every dead event of the filter, as many as one act takes."""
    caller.require(Role.OPERATOR, None)
    fields = await read_form(request)
    chosen_by = {"source": fields["source"]} if "source" in fields else {}
    chosen_by |= {"error_code": fields["code"]} if "code" in fields else {}
    await _do(request, caller, act, chosen_by or {"all": True})
    return see_other(back_of(fields, page("dead-events")))


@router.post("/dead-events/{letter_id}/{act}")
async def do_act(request: Request, caller: Caller, letter_id: int, act: str) -> Response:
    """Act on one dead event."""
    caller.require(Role.OPERATOR, None)
    fields = await read_form(request)
    await _do(request, caller, act, {"letter_ids": [letter_id]})
    return see_other(back_of(fields, page("dead-events", letter_id)))


async def _do(request: Request, caller: Any, act: str, body: Mapping[str, Any]) -> None:
    _act(act)
    if act == "discard":
        await perform(request, caller, letters.request_discard, body)
        return
    backend = backend_of(request)
    found = letters.choose(backend.database, body, now=backend.now())
    if not isinstance(found, letters.ChosenLetters):
        raise ActRefused(found.status, found.body["code"], found.body["detail"])
    await letters.replay(backend, found.letter_ids, actor=caller.name)


def _act_page(
    request: Request, caller: Any, act: str, given: Mapping[str, str], letter_id: int | None
) -> Response:
    found = _act(act)
    hidden = {name: given[name] for name in ("source", "code") if name in given}
    if letter_id is None:
        what = "all dead events" + (" of the filter" if hidden else "")
        line = command("dead-letters", act, **hidden, all=not hidden)
        at = page("dead-events", "all", act)
    else:
        what = f"event {letter_id}"
        line = command("dead-letters", act, letter_id)
        at = page("dead-events", letter_id, act)
    shown = ActPage(
        title=found.title.format(what=what),
        says=found.says,
        address=at,
        back=str(page("dead-events", letter_id) if letter_id is not None else page("dead-events", **hidden)),
        submit=found.submit,
        danger=found.danger,
        line=line,
    )
    fields: tuple[Choice, ...] = ()
    return render(
        request, caller, "form.html", section="dead-events", act=shown, fields=fields, hidden=hidden
    )


def _letter(request: Request, letter_id: int) -> DeadLetter:
    return backend_of(request).database.read(lambda connection: get_dead_letters(connection, [letter_id]))[0]


def _as_json(payload: str) -> Any:
    """Return a message as JSON, ``None`` if it is none."""
    try:
        return json.loads(payload)
    except ValueError:
        return None


def _act(name: str) -> _LetterAct:
    if name not in ACTS:
        raise NoSuchAct(name, ACTS)
    return ACTS[name]
