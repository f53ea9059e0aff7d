"""A storage account's front on loopback: passes every request on, counts it, and misbehaves when told to.

Everything before it is unmodified: the SDK signs for the account, not for the host, so requests pass as they are.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

# Headers of one connection, not of a message.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}
)
_BLOB = re.compile(r"^/(?P<account>[^/]+)/(?P<container>[^/?]+)/(?P<path>[^?]+)")
_START_S = 10.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a request meets instead of its answer.

    Attributes:
        status: Status of the answer; ``None`` keeps the storage's own.
        drop: Close the connection without an answer.
        hang_s: Seconds before anything happens.
        after: Whether the storage does what was asked before the answer is lost.
    """

    status: int | None = None
    drop: bool = False
    hang_s: float = 0.0
    after: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A blob that was written through the proxy; ``etag`` has no quotes."""

    container: str
    path: str
    etag: str
    size_bytes: int


class StorageProxy:
    """Stands before one Blob service, in a thread of its own; every method may be called from any thread.

    Attributes:
        calls: Requests that reached the storage, by method, ``LIST`` for listings, and container.
        struck: Requests that met trouble.
        pretended: ETag and size of blobs, by ``CONTAINER/PATH``, that nobody reads: they are there by name only.
        trouble: Asked for each request, by method and path; an answer of ``None`` lets it pass.
        on_written: Called after each finished write.
    """

    def __init__(self, upstream: str) -> None:
        """Prepare, without listening yet.

        Args:
            upstream: ``http://HOST:PORT`` of the Blob service.
        """
        self.calls: Counter[str] = Counter()
        self.struck = 0
        self.pretended: dict[str, tuple[str, int]] = {}
        self.trouble: Callable[[str, str], Trouble | None] = lambda _method, _path: None
        self.on_written: Callable[[Written], None] = lambda _: None
        self.port = 0
        self._upstream = upstream.rstrip("/")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="storage-proxy", daemon=True)

    def start(self) -> "StorageProxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_S)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)

    def endpoint(self, account: str) -> str:
        return f"http://127.0.0.1:{self.port}/{account}"

    async def _listen(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1024**3)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        trouble = self.trouble(request.method, request.path)
        if trouble is None:
            return await self._pass_on(request, body)
        self.struck += 1
        await asyncio.sleep(trouble.hang_s)
        answer: web.StreamResponse | None = None
        if trouble.after or (trouble.status is None and not trouble.drop):
            answer = await self._pass_on(request, body)
        if trouble.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if trouble.status is None:
            assert answer is not None
            return answer
        return web.Response(status=trouble.status, headers={"x-ms-error-code": "ServerBusy"})

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        found = _BLOB.match(request.path)
        listing = request.query.get("comp") == "list"
        container = found["container"] if found else request.path.strip("/").partition("/")[2]
        self.calls[f"{'LIST' if listing else request.method} {container}"] += 1
        if found and request.method == "HEAD":
            pretended = self.pretended.get(f"{found['container']}/{unquote(found['path'])}")
            if pretended is not None:
                return web.Response(headers=_properties(*pretended))
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        url = self._upstream + request.raw_path
        async with self._session.request(
            request.method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            # The request is signed: a header that is added here would break its signature.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            allow_redirects=False,
        ) as upstream:
            content = await upstream.read()
            kept = {
                name: value for name, value in upstream.headers.items() if name.lower() not in _HOP_BY_HOP
            }
            if request.method == "HEAD":
                kept["Content-Length"] = upstream.headers.get("Content-Length", "0")
            if found and request.method == "PUT" and upstream.status == 201 and not _is_part(request):
                etag = upstream.headers.get("ETag", "").strip('"')
                self.on_written(Written(found["container"], unquote(found["path"]), etag, len(body)))
            return web.Response(status=upstream.status, body=content, headers=kept)


def _properties(etag: str, size_bytes: int) -> dict[str, str]:
    return {
        "ETag": f'"{etag}"',
        "Content-Length": str(size_bytes),
        "Last-Modified": formatdate(usegmt=True),
        "x-ms-blob-type": "BlockBlob",
    }


def _is_part(request: web.Request) -> bool:
    """Return whether a PUT writes less than a whole blob: a block, or properties."""
    return request.query.get("comp") not in {None, "blocklist"} or "restype" in request.query
