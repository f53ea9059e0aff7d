"""How a route answers: a view is called in a thread, and its reply becomes a response."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response

from landfall.api.answers import Problem
from landfall.api.bodies import NoBody
from landfall.api.body import read_body
from landfall.api.identity import Viewer, backend_of
from landfall.api.reply import Acted, Reply, invalid


async def read(request: Request, view: Callable[..., Reply], *args: Any, **more: Any) -> Response:
    """Answer with what a view reads; a caller that has the answer already is told so."""
    return tagged(request, await asyncio.to_thread(view, backend_of(request).database, *args, **more))


def tagged(request: Request, reply: Reply) -> Response:
    """Return the response that carries what was read, with a tag of what it says."""
    response = respond(reply)
    if reply.status != 200:
        return response
    # Weak: what stands in front of the app may compress the answer.
    tag = f'W/"{hashlib.blake2b(bytes(response.body), digest_size=12).hexdigest()}"'
    known = {item.strip() for item in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response


async def act(
    request: Request, viewer: Viewer, view: Callable[..., Acted], *args: Any, **more: Any
) -> Response:
    """Answer with what comes of an act."""
    return respond(await perform(request, viewer, view, *args, **more))


async def act_without_body(
    request: Request, viewer: Viewer, view: Callable[..., Acted], *args: Any
) -> Response:
    """Answer with what comes of an act that takes no fields; what was sent all the same is refused, not passed over."""
    _, faults = read_body(NoBody, await request.body())
    return respond(invalid(faults).reply) if faults else await act(request, viewer, view, *args)


async def perform(
    request: Request, viewer: Viewer, view: Callable[..., Acted], *args: Any, **more: Any
) -> Reply:
    """Let a view act in SQL, set going what follows from it, and return what it replies."""
    backend = backend_of(request)
    acted = await asyncio.to_thread(
        view, backend.database, *args, actor=viewer.name, now=backend.now(), **more
    )
    await backend.follow_up(acted)
    return acted.reply


def respond(reply: Reply) -> Response:
    """Return the response that carries a reply."""
    return Response(
        reply.text(), status_code=reply.status, headers=dict(reply.headers), media_type=reply.content_type
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's description says of the refusals it answers with; some come with every route."""
    return {
        status: {"model": Problem, "description": _REFUSALS[status]}
        for status in sorted({*statuses, 400, 401, 403, 421, 500, 503})
    }


_REFUSALS = {
    400: "The request has faults; all are listed.",
    401: "Nobody is signed in.",
    403: "The caller's roles do not allow it, or a foreign page sent it.",
    404: "There is no such thing, or none that the caller may see.",
    409: "What is there does not allow it.",
    421: "The laptop's app was called by a foreign name.",
    500: "The app met a fault of its own.",
    503: "The database does not answer.",
}
