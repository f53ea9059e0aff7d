"""Serves the app's HTTP triggers: finds the route, checks the key, calls the function, writes its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import azure.functions as func
from aiohttp import web
from azure.functions.meta import Datum

from landfall.local.functions_host import log
from landfall.local.functions_host.keys import FUNCTION, Keys
from landfall.local.functions_host.loading import AppFunction, FunctionTable
from landfall.local.functions_host.routes import Route, parse_route
from landfall.local.functions_host.worker import Worker, converter_of


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """One HTTP trigger with its route; ``methods`` empty means all."""

    function: AppFunction
    route: Route
    methods: frozenset[str]
    auth_level: str


class HttpTriggers:
    """All HTTP triggers of an app."""

    def __init__(self, functions: FunctionTable, worker: Worker, keys: Keys, prefix: str) -> None:
        """Parse the routes.

        Raises:
            ValueError: A route template is not understood.
        """
        self._worker = worker
        self._keys = keys
        self._prefix = tuple(part for part in prefix.split("/") if part)
        self.endpoints = sorted(map(_endpoint, functions.of_type("httpTrigger")), key=lambda e: e.route.rank)

    async def serve(self, request: web.Request, path: Sequence[str]) -> web.Response:
        """Answer a request whose percent-encoded path segments are ``path``."""
        if tuple(part.lower() for part in path[: len(self._prefix)]) != tuple(
            p.lower() for p in self._prefix
        ):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        for endpoint in self.endpoints:
            if endpoint.methods and request.method not in endpoint.methods:
                continue
            values = endpoint.route.match(path[len(self._prefix) :])
            if values is not None:
                return await self._call(endpoint, request, values)
        return web.Response(status=HTTPStatus.NOT_FOUND)

    async def _call(
        self, endpoint: HttpEndpoint, request: web.Request, values: Mapping[str, str]
    ) -> web.Response:
        function = endpoint.function
        if not self._keys.allow(endpoint.auth_level, function.name, presented_key(request)):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        argument = await _to_function_request(request, values)
        try:
            value = await self._worker.call(function, argument)
            return _to_response(value)
        except Exception as error:
            log.failure(
                "function_raised", error, function=function.name, method=request.method, path=request.path
            )
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)


def presented_key(request: web.Request) -> str | None:
    """Return the key that a caller presents; the header wins over the query."""
    return request.headers.get("x-functions-key") or request.query.get("code")


def _endpoint(function: AppFunction) -> HttpEndpoint:
    trigger = function.trigger
    return HttpEndpoint(
        function=function,
        route=parse_route(trigger.get("route") or function.name),
        methods=frozenset(method.upper() for method in trigger.get("methods") or ()),
        auth_level=str(trigger.get("authLevel") or FUNCTION).upper(),
    )


async def _to_function_request(request: web.Request, values: Mapping[str, str]) -> func.HttpRequest:
    query: dict[str, str] = {}
    for name in dict.fromkeys(request.query):
        text = ",".join(request.query.getall(name))
        if text:
            query[name] = text
    headers = {
        name.lower(): ",".join(request.headers.getall(name)) for name in dict.fromkeys(request.headers)
    }
    converter = converter_of("httpTrigger")
    built: func.HttpRequest = converter.decode(
        Datum(
            {
                "method": Datum(request.method, "string"),
                "url": Datum(str(request.url), "string"),
                "headers": _datums(headers),
                "query": _datums(query),
                "params": _datums(values),
                "body": Datum(await request.read(), "bytes"),
            },
            "http",
        ),
        trigger_metadata={},
    )
    return built


def _datums(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _to_response(value: Any) -> web.Response:
    if value is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    encoded = converter_of("http").encode(value, expected_type=None)
    if encoded.type == "string":
        return web.Response(text=encoded.value, content_type="text/plain")
    parts = encoded.value
    response = web.Response(status=int(parts["status_code"].value), body=parts["body"].value)
    for name, header in parts["headers"].items():
        if name.lower() != "content-length":
            response.headers[name] = header.value
    for jar in parts["cookies"] or ():
        for cookie in jar.values():
            response.headers.add("Set-Cookie", cookie.OutputString())
    return response
