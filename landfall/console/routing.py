"""What every page needs of the application: refusals as pages, forms, and acts with what follows from them."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from landfall.api import answering
from landfall.api.errors import HttpRefusal
from landfall.api.faults import NOT_FOUND
from landfall.api.identity import Viewer
from landfall.api.reply import Acted
from landfall.console.address import ROOT
from landfall.console.rendering import render
from landfall.errors import ErrorKind, LandfallError

_STATUS_OF_KIND = {ErrorKind.UNREACHABLE: 503, ErrorKind.TIMED_OUT: 504}


class ActRefused(LandfallError):
    """An act that the page asked for was refused; the message is the API's."""

    code = "LF6130"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_with_pages(request: Request) -> Response:
            try:
                return await answer(request)
            except LandfallError as error:
                return refusal(request, error)

        return answer_with_pages


def refusal(request: Request, error: LandfallError) -> Response:
    """Return the page that tells an error."""
    if isinstance(error, HttpRefusal):
        status = error.status
    elif isinstance(error, NOT_FOUND):
        status = 404
    else:
        status = _STATUS_OF_KIND.get(error.kind, 409 if request.method == "POST" else 400)
    title = {404: "There is nothing here", 503: "Something does not answer"}.get(status, "This does not work")
    return render(request, None, "error.html", status=status, title=title, says=str(error), code=error.code)


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, those that say something; of one given twice the last."""
    pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=1_000)
    return {name: text for name, text in pairs if text}


async def perform(
    request: Request, caller: Viewer, view: Callable[..., Acted], *args: Any, **more: Any
) -> Mapping[str, Any]:
    """Let a view of the API act in SQL, set going what follows, and return what it answers.

    Raises:
        ActRefused: The view refuses.
    """
    reply = await answering.perform(request, caller, view, *args, **more)
    if reply.status >= 400:
        raise ActRefused(reply.body["detail"])
    body: Mapping[str, Any] = reply.body
    return body


def see_other(address: object) -> Response:
    """Return the answer to an act that was done: where the browser goes on."""
    return RedirectResponse(str(address), status_code=303)


def back_of(fields: Mapping[str, str], otherwise: object) -> str:
    """Return the page of ours that a form leads back to; a foreign address is none."""
    back = fields.get("back", "")
    ours = back == ROOT or back.startswith((f"{ROOT}/", f"{ROOT}?"))
    return back if ours and "\\" not in back and "//" not in back else str(otherwise)
