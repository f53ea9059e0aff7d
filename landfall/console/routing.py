"""What every page needs of the application: refusals as pages, forms, and acts with what follows from them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from landfall.api import answering
from landfall.api.errors import InvalidRequest
from landfall.api.identity import Viewer
from landfall.api.reply import Acted
from landfall.api.statuses import status_of
from landfall.console.acts import ActRefused, NoSuchPage, Sent
from landfall.console.address import ROOT
from landfall.console.forms import Choice
from landfall.console.rendering import render
from landfall.errors import LandfallError


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_with_pages(request: Request) -> Response:
            try:
                return await answer(request)
            except LandfallError as error:
                return refusal(request, error)
            except RequestValidationError:
                # A part of the address is not what it has to be, such as the number of a file: no such page.
                return refusal(request, NoSuchPage(request.url.path))

        return answer_with_pages


def refusal(request: Request, error: LandfallError) -> Response:
    """Return the page that tells an error."""
    status, code = (
        (error.status, error.its_code) if isinstance(error, ActRefused) else (status_of(error), error.code)
    )
    title = _TITLES.get(status, "This does not work")
    return render(request, None, "error.html", status=status, title=title, says=str(error), code=code)


_TITLES = {
    403: "You may not do this",
    404: "There is nothing here",
    503: "Something does not answer",
}


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, those that say something; of one given twice the last."""
    pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=1_000)
    return {name: text for name, text in pairs if text}


async def perform(
    request: Request, caller: Viewer, view: Callable[..., Acted], *args: Any, **more: Any
) -> Mapping[str, Any]:
    """Let a view of the API act in SQL, set going what follows, and return what it answers.

    Raises:
        ActRefused: The view refuses what was sent.
        LandfallError: What is there does not allow it.
    """
    reply = await answering.perform(request, caller, view, *args, **more)
    if reply.status >= 400:
        told = reply.body
        raise ActRefused(reply.status, told["code"], told["detail"], told.get("faults", ()))
    body: Mapping[str, Any] = reply.body
    return body


def refused_form(error: LandfallError, fields: Mapping[str, str], choices: Sequence[Choice]) -> Sent:
    """Return what was sent with the faults at its fields, so that the form is shown once more.

    Raises:
        LandfallError: The error itself, where nothing that the form asks for would mend it.
    """
    status = error.status if isinstance(error, ActRefused) else status_of(error)
    if status != 400 or not choices:
        raise error
    faults = error.faults if isinstance(error, ActRefused | InvalidRequest) else (str(error),)
    return Sent.refused(fields, faults, [choice.name for choice in choices])


def see_other(address: object) -> Response:
    """Return the answer to an act that was done: where the browser goes on."""
    return RedirectResponse(str(address), status_code=303)


def back_of(fields: Mapping[str, str], otherwise: object) -> str:
    """Return the page of ours that a form leads back to; a foreign address is none."""
    back = fields.get("back", "")
    ours = back == ROOT or back.startswith((f"{ROOT}/", f"{ROOT}?"))
    return back if ours and "\\" not in back and "//" not in back else str(otherwise)
