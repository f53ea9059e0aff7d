"""Every refusal and fault as a problem document, those of the framework too."""

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from landfall.api.answering import respond
from landfall.api.errors import InternalFault, InvalidRequest, MethodNotAllowed, NoSuchRoute
from landfall.api.headers import security_headers
from landfall.api.reply import problem_of
from landfall.errors import LandfallError

log = logging.getLogger(__name__)


def answer_faults(app: FastAPI) -> None:
    """Let an application answer each of them."""
    app.add_exception_handler(LandfallError, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _defect)


async def _refusal(_request: Request, error: Any) -> Response:
    faults = {"faults": list(error.faults)} if isinstance(error, InvalidRequest) else {}
    return respond(problem_of(error, **faults))


async def _invalid(request: Request, error: Any) -> Response:
    faults = []
    for fault in error.errors():
        place = [str(part) for part in fault["loc"][1:]]
        said = str(fault["msg"])
        faults.append(f"{'.'.join(place)}: {said[:1].lower()}{said[1:]}.")
    return await _refusal(request, InvalidRequest(faults))


async def _of_framework(request: Request, error: Any) -> Response:
    path = request.url.path
    if error.status_code == 404:
        return await _refusal(request, NoSuchRoute(path))
    if error.status_code == 405:
        response = await _refusal(request, MethodNotAllowed(request.method, path))
        response.headers.update(error.headers or {})
        return response
    return await _refusal(request, InvalidRequest([str(error.detail)]))


async def _defect(request: Request, error: Exception) -> Response:
    log.error("%s %s met a defect", request.method, request.url.path, exc_info=error)
    response = await _refusal(request, InternalFault())
    # The framework answers a defect outside of all that is around the application, and so of what adds them.
    response.headers.update(security_headers(request.url.scheme))
    return response
