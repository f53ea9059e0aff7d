"""The host's own endpoints below ``/admin``: health, the list of functions, and calling one by hand."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from landfall.local.functions_host import log
from landfall.local.functions_host.http_triggers import presented_key
from landfall.local.functions_host.keys import ADMIN, Keys
from landfall.local.functions_host.loading import AppFunction, FunctionTable
from landfall.local.functions_host.timer_triggers import call_timer
from landfall.local.functions_host.worker import Worker, decode

_JSON_TRIGGERS = frozenset({"eventGridTrigger"})


class AdminApi:
    """Answers requests below ``/admin``. Health needs no key, everything else the master key."""

    def __init__(
        self, functions: FunctionTable, worker: Worker, keys: Keys, busy: Callable[[], dict[str, int]]
    ) -> None:
        self._functions = functions
        self._worker = worker
        self._keys = keys
        self._busy = busy
        self._started = time.monotonic()
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.Request, path: Sequence[str]) -> web.Response:
        """Answer a request; ``path`` are the segments below ``/admin``."""
        route = tuple(part.lower() for part in path)
        if route == ("host", "status") and request.method == "GET":
            return self._status()
        if route == ("host", "ping") and request.method in ("GET", "POST"):
            return web.Response()
        if not self._keys.allow(ADMIN, "", presented_key(request)):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        if route == ("functions",) and request.method == "GET":
            return web.json_response([_describe(function) for function in self._functions])
        if len(route) == 2 and route[0] == "functions":
            function = self._functions.find(path[1])
            if function is None:
                return web.Response(status=HTTPStatus.NOT_FOUND)
            if request.method == "GET":
                return web.json_response(_describe(function))
            if request.method == "POST":
                return await self._call(function, await request.read())
        return web.Response(status=HTTPStatus.NOT_FOUND)

    def _status(self) -> web.Response:
        return web.json_response(
            {
                "id": "landfall-local",
                "state": "Running",
                "version": "4.0.0",
                "versionDetails": "Landfall local function host",
                "processUptime": int((time.monotonic() - self._started) * 1000),
                "functions": sum(1 for _ in self._functions),
                "busy": self._busy(),
            }
        )

    async def _call(self, function: AppFunction, body: bytes) -> web.Response:
        try:
            content = json.loads(body)
            text = content["input"]
        except (ValueError, KeyError, TypeError):
            return web.json_response(
                {"Message": 'The body must be {"input": "<text>"}.'}, status=HTTPStatus.BAD_REQUEST
            )
        # A running call must be held somewhere, or it could be collected half way.
        call = asyncio.create_task(self._invoke(function, "" if text is None else str(text)))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _invoke(self, function: AppFunction, text: str) -> Coroutine[Any, Any, None]:
        if function.trigger_type == "timerTrigger":
            info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
            return call_timer(self._worker, function, info)
        return self._invoke_with(function, text)

    async def _invoke_with(self, function: AppFunction, text: str) -> None:
        kind = "json" if function.trigger_type in _JSON_TRIGGERS else "string"
        try:
            await self._worker.call(function, decode(function.trigger_type, text, kind))
        except Exception as error:
            log.failure("function_raised", error, function=function.name)


def _describe(function: AppFunction) -> dict[str, Any]:
    return {
        "name": function.name,
        "durableName": function.durable_name if function.durable_name != function.name else None,
        "trigger": function.trigger_type,
        "config": {"bindings": list(function.bindings)},
    }
