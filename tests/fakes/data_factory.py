"""Data Factory as its documentation says it behaves: the Web and WebHook activities, on loopback."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.loopback import PATIENCE_S


@dataclass(frozen=True)
class ActivityResult:
    """How an activity ended: ``Succeeded`` or ``Failed``, with what it handed on."""

    status: str
    output: Any = None
    error: str | None = None


@dataclass
class _Waiting:
    done: threading.Event = field(default_factory=threading.Event)
    body: Any = None


@dataclass
class DataFactory:
    """Calls a function app as Data Factory's activities do, and is called back by it.

    Attributes:
        headers: What every request of an activity carries, its polls included.
        refusals: Statuses with which the next callbacks are answered, the last one first.
        calls: The path of each callback that came, acknowledged or not.
    """

    headers: Mapping[str, str]
    refusals: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> "DataFactory":
        factory = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(factory.take(self.path, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def new_callback_uri(self) -> str:
        """Return an address that ends one waiting WebHook activity; who knows it may do so."""
        assert self._server is not None
        path = f"/workflow/callback/{uuid4().hex}?callBackToken={uuid4().hex}"
        self._waiting[path] = _Waiting()
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def take(self, path: str, body: Any) -> int:
        """Answer a callback: an activity that has ended cannot be ended again."""
        self.calls.append(path)
        if self.refusals:
            return self.refusals.pop()
        waiting = self._waiting.get(path)
        if waiting is None:
            return 404
        if waiting.done.is_set():
            return 400
        waiting.body = body
        waiting.done.set()
        return 200

    def web_activity(
        self, method: str, url: str, body: Any = None, *, timeout_s: float = PATIENCE_S
    ) -> ActivityResult:
        """Run a Web activity: a 202 is followed to its Location until the answer is another; 2xx is success."""
        give_up_at = time.monotonic() + timeout_s
        status, headers, text = self.send(method, url, body)
        while status == 202 and "Location" in headers:
            if time.monotonic() > give_up_at:
                return ActivityResult("Failed", error="timed out")
            # The documented wait is whole seconds; a test has less time.
            time.sleep(min(float(headers.get("Retry-After", 1)), 0.2))
            assert urlsplit(headers["Location"]).scheme, "Data Factory follows whole addresses only"
            status, headers, text = self.send("GET", headers["Location"])
        if not 200 <= status < 300:
            return ActivityResult("Failed", error=text)
        output = json.loads(text)
        # An activity hands on an object; anything else makes it fail.
        return ActivityResult("Succeeded", output) if isinstance(output, dict) else ActivityResult("Failed")

    def webhook_activity(
        self, url: str, body: Mapping[str, Any], *, timeout_s: float = PATIENCE_S
    ) -> ActivityResult:
        """Run a WebHook activity that reports its status on callback: send, then wait to be called."""
        uri = self.new_callback_uri()
        status, _, text = self.send("POST", url, {**body, "callBackUri": uri})
        if not 200 <= status < 300:
            return ActivityResult("Failed", error=text)
        return self.called_back(uri, timeout_s=timeout_s)

    def called_back(self, uri: str, *, timeout_s: float = PATIENCE_S) -> ActivityResult:
        """Wait until an address is called, and return what becomes of its activity."""
        parts = urlsplit(uri)
        waiting = self._waiting[f"{parts.path}?{parts.query}"]
        if not waiting.done.wait(timeout_s):
            return ActivityResult("Failed", error="timed out")
        given = {key.lower(): value for key, value in waiting.body.items()}
        if int(given.get("statuscode", "200")) >= 400:
            error = {key.lower(): value for key, value in given.get("error", {}).items()}
            return ActivityResult("Failed", given.get("output"), error.get("message"))
        return ActivityResult("Succeeded", given.get("output"))

    def send(self, method: str, url: str, body: Any = None) -> tuple[int, Message, str]:
        """Send one request and return status, headers and text of the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - loopback
            url, data, {"Content-Type": "application/json", **self.headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.headers, refusal.read().decode()
