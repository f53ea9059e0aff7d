"""The HTTP client against a real server on loopback: what it sends, and what its answers become."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from landfall.client import FunctionsAccessDenied, FunctionsClient, FunctionsUnreachable, RequestRefused
from landfall.errors import ErrorKind
from tests.loopback import free_port


@dataclass
class App:
    """A function app with one prepared answer that keeps what it was asked."""

    url: str = ""
    status: int = 202
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)


@pytest.fixture
def app() -> Iterator[App]:
    app = App()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            app.asked.append((self.path, self.headers["Authorization"], json.loads(sent)))
            self.send_response(app.status)
            for name, value in app.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(app.body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    app.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield app
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_start_says_what_and_returns_where_to_look(app: App) -> None:
    app.body = json.dumps({"request_id": "q1"}).encode()
    app.headers = {"Location": "/api/requests/q1"}

    started = FunctionsClient(app.url, token=lambda: "t").start_run(
        "sales/orders", datasets=["orders"], full=True
    )

    assert (started.request_id, started.location) == ("q1", f"{app.url}/api/requests/q1")
    assert app.asked == [
        ("/api/products/sales/orders/runs", "Bearer t", {"datasets": ["orders"], "full": True}),
    ]


def test_a_refusal_keeps_the_code_and_the_reason_of_the_app(app: App) -> None:
    app.status = 404
    app.body = json.dumps({"code": "LF2101", "detail": "no product 'sales/x' has been applied"}).encode()

    with pytest.raises(
        RequestRefused, match=r"^no product 'sales/x' has been applied \(.*404, LF2101\)$"
    ) as caught:
        FunctionsClient(app.url).start_run("sales/x")

    assert caught.value.kind is ErrorKind.REFUSED


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_is_denied_access_with_the_reason(app: App, status: int) -> None:
    app.status = status
    app.body = json.dumps({"code": "LF6122", "detail": "ada needs the role 'operator'"}).encode()

    with pytest.raises(FunctionsAccessDenied, match="needs the role 'operator'") as caught:
        FunctionsClient(app.url).cancel_run("r1")

    assert caught.value.kind is ErrorKind.UNREACHABLE


def test_an_app_that_is_down_is_unreachable() -> None:
    with pytest.raises(FunctionsUnreachable, match="landfall up"):
        FunctionsClient(f"http://127.0.0.1:{free_port()}").cancel_run("r1")


def test_an_answer_that_is_not_json_is_shown_as_it_is(app: App) -> None:
    app.status = 503
    app.body = b"<html>the gateway is tired</html>"

    with pytest.raises(FunctionsUnreachable, match="503 <html>the gateway is tired"):
        FunctionsClient(app.url).cancel_run("r1")
