"""The built-in activity behind ``context.call_http``: one request, no polling."""

import json
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from landfall.local.functions_host.activity_queue import ActivityOutcome, failure_of
from landfall.local.functions_host.decisions import HTTP_ACTIVITY
from landfall.local.functions_host.json_text import compact

# The extension returns general headers only, not those that describe the content.
_CONTENT_HEADERS = frozenset(
    {
        "allow",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "expires",
        "last-modified",
    }
)


async def call_http(stored_input: str) -> ActivityOutcome:
    """Make the request of a stored input (an array of one request object) and return its outcome.

    Any status code is a result; only a request that gets no answer is a failure. A 202 is returned as it is, because
    the Python SDK does not ask for polling.
    """
    (request,) = json.loads(stored_input)
    try:
        return ActivityOutcome(result=compact(await _send(request)))
    except (aiohttp.ClientError, TimeoutError, NotImplementedError) as error:
        return failure_of(HTTP_ACTIVITY, error)


async def _send(request: dict[str, Any]) -> dict[str, Any]:
    headers = {name: str(value) for name, value in (request.get("headers") or {}).items()}
    if request.get("tokenSource"):
        raise NotImplementedError(
            "call_http with a token source needs a managed identity, which a laptop has not"
        )
    content = request.get("content")
    if content is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "text/plain"
    async with (
        aiohttp.ClientSession(auto_decompress=True) as session,
        session.request(
            request["method"],
            request["uri"],
            headers=headers,
            data=content.encode() if isinstance(content, str) else content,
            allow_redirects=True,
        ) as response,
    ):
        return {
            "statusCode": response.status,
            "headers": _general(response.headers),
            "content": await response.text(),
        }


def _general(headers: CIMultiDictProxy[str]) -> dict[str, str | list[str]]:
    general: dict[str, str | list[str]] = {}
    for name in dict.fromkeys(headers):
        if name.lower() not in _CONTENT_HEADERS:
            values = headers.getall(name)
            general[name] = values[0] if len(values) == 1 else values
    return general
