"""The Event Grid webhook: the handshake, and one function call per event."""

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from landfall.local.functions_host import log
from landfall.local.functions_host.loading import AppFunction, FunctionTable
from landfall.local.functions_host.worker import Worker, decode

_DEFAULT_ORIGIN = "eventgrid.azure.net"


class EventGridWebhook:
    """Answers requests to ``/runtime/webhooks/eventgrid``."""

    def __init__(self, functions: FunctionTable, worker: Worker) -> None:
        self._functions = functions
        self._worker = worker

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request of Event Grid."""
        name = next((v for k, v in request.query.items() if k.lower() == "functionname"), "")
        function = self._functions.find(name)
        if function is None or function.trigger_type != "eventGridTrigger":
            return web.Response(
                status=HTTPStatus.NOT_FOUND, text=f"cannot find function: '{name}' (an Event Grid trigger)"
            )
        if request.method == "OPTIONS":
            return _cloud_events_handshake(request)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=HTTPStatus.ACCEPTED)
        if kind not in ("subscriptionvalidation", "notification"):
            return web.Response(
                status=HTTPStatus.BAD_REQUEST, text="header aeg-event-type is missing or unknown"
            )
        try:
            events = _events(await request.read())
        except ValueError as error:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=f"the body is not JSON events: {error}")
        if kind == "subscriptionvalidation":
            return _validate(events)
        return await self._notify(function, events)

    async def _notify(self, function: AppFunction, events: Sequence[Any]) -> web.Response:
        answers = await asyncio.gather(*(self._call(function, event) for event in events))
        failed = [answer for answer in answers if answer is not None]
        if failed:
            # Event Grid sends the whole batch again, also the events that went well.
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=failed[0])
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def _call(self, function: AppFunction, event: Any) -> str | None:
        try:
            await self._worker.call(function, decode("eventGridTrigger", json.dumps(event), "json"))
        except Exception as error:
            log.failure("function_raised", error, function=function.name, event_id=event.get("id"))
            return f"{type(error).__name__}: {error}"
        return None


def _events(body: bytes) -> list[dict[str, Any]]:
    content = json.loads(body)
    events = content if isinstance(content, list) else [content]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("an event is a JSON object")
    return events


def _validate(events: Sequence[Any]) -> web.Response:
    code = (events[0].get("data") or {}).get("validationCode") if events else None
    if not code:
        return web.Response(status=HTTPStatus.BAD_REQUEST, text="data.validationCode is missing")
    return web.json_response({"validationResponse": code})


def _cloud_events_handshake(request: web.Request) -> web.Response:
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=HTTPStatus.BAD_REQUEST, text="header WebHook-Request-Origin is missing")
    known = origin == _DEFAULT_ORIGIN or origin.endswith(f".{_DEFAULT_ORIGIN}")
    return web.Response(headers={"WebHook-Allowed-Origin": origin if known else _DEFAULT_ORIGIN})
