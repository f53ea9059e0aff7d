"""The receiving end of storage events: a webhook that answers as a function app does."""

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from landfall.addresses import parse_blob_url


@dataclass
class Webhook:
    """An Event Grid webhook on a loopback port that keeps what it was sent, unless told to refuse.

    Attributes:
        refusals: Statuses to answer the next notifications with, the last one first.
        events: When each event came (monotonic seconds), and the event.
    """

    port: int
    key: str
    refusals: list[int] = field(default_factory=list)
    handshakes: int = 0
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    refused: int = 0
    connections: list[socket.socket] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                webhook.connections.append(self.connection)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = webhook.answer(self.path, self.headers["aeg-event-type"], body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.server = None

    def answer(self, path: str, kind: str, body: list[dict[str, Any]]) -> tuple[int, bytes]:
        assert path == f"/runtime/webhooks/eventgrid?functionName=on_blob_created&code={quote(self.key)}"
        if kind == "SubscriptionValidation":
            self.handshakes += 1
            return 200, json.dumps({"validationResponse": body[0]["data"]["validationCode"]}).encode()
        assert kind == "Notification"
        if self.refusals:
            self.refused += 1
            return self.refusals.pop(), b"not now"
        self.events.extend((time.monotonic(), event) for event in body)
        return 202, b""

    def paths(self) -> list[str]:
        return [parse_blob_url(event["data"]["url"]).path for _, event in self.events]
