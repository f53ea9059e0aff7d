"""Hands a call of the Functions host to an ASGI application, and its answer back.

The SDK's own bridge has no place for the Durable client of the call, sends one cookie of several, and tells an
application that waits for its caller to hang up the same request again without end. The answer is complete when it is
handed back, as the worker wants it.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

import azure.functions as func

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

BACKEND = "landfall.backend"
"""Key of the scope under which the application finds what it works with."""


class WebApp:
    """An ASGI application that is loaded when it is first called.

    The framework takes as long to import as all the rest of the app, and a host imports the app only to list its
    functions, or to take in a file.
    """

    def __init__(self, load: Callable[[], AsgiApp]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._app: AsgiApp | None = None

    def loaded(self) -> AsgiApp:
        """Return the application."""
        with self._lock:
            if self._app is None:
                self._app = self._load()
            return self._app

    async def answer(self, request: func.HttpRequest, backend: object) -> func.HttpResponse:
        """Return the application's answer to one call."""
        app = self._app
        if app is None:
            app = await asyncio.to_thread(self.loaded)
        exchange = _Exchange(request.get_body())
        try:
            await app({**_scope(request), BACKEND: backend}, exchange.receive, exchange.send)
        except Exception:
            # The framework answers a defect and raises it again; it is logged by then.
            if not exchange.is_answered:
                raise
        return exchange.response()


class _Exchange:
    """One request and its answer, as messages."""

    def __init__(self, body: bytes) -> None:
        self._request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self.is_answered = False

    async def receive(self) -> Message:
        request, self._request = self._request, None
        return request or {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
            self._headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))
            self.is_answered = not message.get("more_body", False)

    def response(self) -> func.HttpResponse:
        response = func.HttpResponse(b"".join(self._chunks), status_code=self._status)
        for name, value in self._headers:
            # Several of one name are several headers, as cookies are.
            response.headers.add(name, value)
        return response


def _scope(request: func.HttpRequest) -> dict[str, Any]:
    url = urlsplit(request.url)
    headers: Mapping[str, str] = request.headers
    port = url.port or (443 if url.scheme == "https" else 80)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme or "http",
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in headers.items()
        ],
        "client": None,
        "server": (url.hostname or "localhost", port),
    }
