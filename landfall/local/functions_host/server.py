"""One HTTP server for everything the host answers."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from landfall.local.functions_host.admin import AdminApi
from landfall.local.functions_host.errors import PortInUse
from landfall.local.functions_host.event_grid import EventGridWebhook
from landfall.local.functions_host.http_triggers import HttpTriggers, presented_key
from landfall.local.functions_host.keys import DURABLE_SYSTEM_KEY, EVENT_GRID_SYSTEM_KEY, Keys
from landfall.local.functions_host.management import ManagementApi

HOST = "127.0.0.1"
MAX_BODY_BYTES = 100 * 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Front:
    """Sends each request to the part of the host that it is for."""

    def __init__(
        self,
        triggers: HttpTriggers,
        management: ManagementApi,
        event_grid: EventGridWebhook,
        admin: AdminApi,
        keys: Keys,
    ) -> None:
        self._triggers = triggers
        self._management = management
        self._event_grid = event_grid
        self._admin = admin
        self._keys = keys

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        # Segments stay percent-encoded until they are told apart: an encoded slash is part of a name.
        path = [part for part in request.rel_url.raw_path.split("/") if part]
        match [part.lower() for part in path[:3]]:
            case ["admin", *_]:
                return await self._admin.serve(request, path[1:])
            case ["durabletask", *_]:
                return await self._serve_rpc(request, path[1:])
            case ["runtime", "webhooks", "durabletask"]:
                if not self._keys.allow_system(DURABLE_SYSTEM_KEY, presented_key(request)):
                    return web.Response(status=HTTPStatus.UNAUTHORIZED)
                return await self._management.serve(request, path[3:])
            case ["runtime", "webhooks", "eventgrid"]:
                if not self._keys.allow_system(EVENT_GRID_SYSTEM_KEY, presented_key(request)):
                    return web.Response(status=HTTPStatus.UNAUTHORIZED)
                return await self._event_grid.serve(request)
        return await self._triggers.serve(request, path)

    async def _serve_rpc(self, request: web.Request, path: Sequence[str]) -> web.Response:
        # For the SDK's client in this process, which cannot send a key: what stands for it is part of the path.
        if not self._keys.checked:
            # Then at least a web page must not get in, neither as itself nor under a name that points here.
            if request.url.host not in _LOOPBACK or "Origin" in request.headers:
                return web.Response(status=HTTPStatus.FORBIDDEN)
            return await self._management.serve(request, path)
        if not path or not self._keys.allow_rpc(path[0]):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        return await self._management.serve(request, path[1:])


async def listen(front: Front, port: int) -> tuple[web.AppRunner, int]:
    """Serve on the loopback interface; return the runner and the port (the one given, unless that was 0).

    Raises:
        PortInUse: Another process listens there.
    """
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", front.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise PortInUse(port) from error
    bound: int = runner.addresses[0][1]
    return runner, bound
