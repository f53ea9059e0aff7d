"""The HTTP side: routes, who may call, faults on request, and errors in the form that the SDK reads."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from landfall.local.jobs_server.dispatcher import now_ms
from landfall.local.jobs_server.errors import ApiError
from landfall.local.jobs_server.faults import Fault, FaultRules, Journal, JournalEntry, Moment
from landfall.local.jobs_server.jobs_api import JobsApi
from landfall.local.jobs_server.runs import Json

LARGEST_BODY = 10 * 1024 * 1024
LARGEST_BODY_IN_JOURNAL = 64 * 1024
WORKSPACE_ID = "1000000000000001"
KEEP_ALIVE_S = 3600.0
# A task's last file wakes whoever waits for the run some moments before the task's process has gone. Whoever asks in
# these moments would ask again, later than the run ends.
RUN_ENDS_WITHIN_S = 0.15
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN_PATHS = frozenset({"/.well-known/databricks-config"})
_CONTROL = "/__loopback/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class JobsServer:
    """The application: what belongs to the transport here, the meaning of the calls in ``JobsApi``."""

    def __init__(self, jobs: JobsApi, token: str) -> None:
        self._jobs = jobs
        self._token = token
        self._faults = FaultRules()
        self._journal = Journal()

    def application(self) -> web.Application:
        """Return the aiohttp application with every route."""
        app = web.Application(
            middlewares=[
                self._check_host,
                self._record,
                self._inject_faults,
                self._answer_errors,
                self._authenticate,
            ],
            client_max_size=LARGEST_BODY,
        )
        app.router.add_get("/.well-known/databricks-config", self._describe_host)
        app.router.add_get("/api/2.0/preview/scim/v2/Me", self._describe_caller)
        app.router.add_post("/__loopback/faults", self._add_fault)
        app.router.add_delete("/__loopback/faults", self._clear_faults)
        app.router.add_get("/__loopback/requests", self._show_journal)
        app.router.add_delete("/__loopback/requests", self._clear_journal)
        for path, post in self._jobs.posts().items():
            app.router.add_post(f"/api/2.2/jobs/{path}", _post(post))
        for path, get in self._jobs.gets().items():
            handle = self._get_run(get) if path == "runs/get" else _get(get)
            app.router.add_get(f"/api/2.2/jobs/{path}", handle)
        app.router.add_route("*", "/{path:.*}", _no_such_endpoint)
        return app

    # Middlewares, outermost first

    @web.middleware
    async def _check_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # A page in a browser can be made to call a loopback address under a name of its own.
        name = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
        if name not in _LOOPBACK_NAMES:
            return _error(
                ApiError(403, "PERMISSION_DENIED", "This server answers to loopback host names only.")
            )
        return await handler(request)

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_CONTROL):
            return await handler(request)
        status = 0
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            self._journal.record(
                JournalEntry(
                    at_ms=now_ms(),
                    method=request.method,
                    path=request.path,
                    query=dict(request.query),
                    body=request.get("body"),
                    status=status,
                    user_agent=request.headers.get("User-Agent", ""),
                )
            )

    @web.middleware
    async def _inject_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_CONTROL):
            return await handler(request)
        fault = self._faults.strike(request.method, request.path)
        if fault is None:
            return await handler(request)
        answer = await handler(request) if fault.moment is Moment.AFTER or _only_delays(fault) else None
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.drop:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("connection dropped on request")
        if fault.status is None and answer is not None:
            return answer
        return web.json_response(fault.body, status=fault.status or 200, headers=dict(fault.headers))

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return _error(error)
        except web.HTTPRequestEntityTooLarge:
            return _error(
                ApiError(413, "INVALID_PARAMETER_VALUE", f"A body has at most {LARGEST_BODY} bytes.")
            )
        except web.HTTPMethodNotAllowed:
            return await _no_such_endpoint(request)

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), self._token.encode()):
                raise ApiError(
                    401, "UNAUTHENTICATED", "The bearer token is missing or not the one of this server."
                )
        return await handler(request)

    # How a run stands

    def _get_run(self, call: Callable[[dict[str, str], str], Json]) -> Handler:
        """Answer how a run stands; of one that goes on a moment later, so that one that is about to end has ended."""
        answer = _get(call)

        async def handle(request: web.Request) -> web.StreamResponse:
            await self._jobs.wait_for_end(dict(request.query), within_s=RUN_ENDS_WITHIN_S)
            return await answer(request)

        return handle

    # Routes that are not about jobs

    async def _describe_host(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"oidc_endpoint": f"{base_url(request)}/oidc", "workspace_id": WORKSPACE_ID, "cloud": "Azure"}
        )

    async def _describe_caller(self, request: web.Request) -> web.Response:
        caller = {
            "id": "1",
            "userName": "landfall@localhost",
            "displayName": "Landfall",
            "active": True,
            "emails": [{"value": "landfall@localhost", "primary": True}],
            "groups": [],
        }
        return web.json_response(caller, headers={"X-Databricks-Org-Id": WORKSPACE_ID})

    async def _add_fault(self, request: web.Request) -> web.Response:
        self._faults.add(Fault.from_json(await _json_body(request)))
        return web.json_response({})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({})

    async def _show_journal(self, request: web.Request) -> web.Response:
        entries = [asdict(entry) for entry in self._journal.entries()]
        return web.json_response({"requests": entries, "recorded": self._journal.recorded})

    async def _clear_journal(self, request: web.Request) -> web.Response:
        self._journal.clear()
        return web.json_response({})


def base_url(request: web.Request) -> str:
    """Return the address under which the client reached this server."""
    return f"{request.scheme}://{request.host}"


def _post(call: Callable[[Json], Json]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await _json_body(request)
        if (request.content_length or 0) <= LARGEST_BODY_IN_JOURNAL:
            request["body"] = body
        if not isinstance(body, dict):
            raise ApiError(400, "MALFORMED_REQUEST", "The body is not a JSON object.")
        return web.json_response(call(body))

    return handle


def _get(call: Callable[[dict[str, str], str], Json]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response(call(dict(request.query), base_url(request)))

    return handle


async def _json_body(request: web.Request) -> Any:
    raw = await request.read()
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        raise ApiError(400, "MALFORMED_REQUEST", "The body is not valid JSON.") from None


async def _no_such_endpoint(request: web.Request) -> web.StreamResponse:
    message = f"No API found for '{request.method} {request.path}'; this server serves the Jobs API 2.2."
    return _error(ApiError(404, "ENDPOINT_NOT_FOUND", message))


def _error(error: ApiError) -> web.Response:
    return web.json_response({"error_code": error.error_code, "message": error.message}, status=error.status)


def _only_delays(fault: Fault) -> bool:
    return fault.status is None and not fault.drop
