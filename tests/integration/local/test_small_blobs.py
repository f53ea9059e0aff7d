"""Small blobs over one request each, at a service that is busy, refuses, or has never heard of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from landfall.local.azurite import ACCOUNT, ACCOUNT_KEY
from landfall.small_blobs import SmallBlobs, open_transport

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Service:
    """Answers with the statuses it is given, one after the other, and keeps what it was asked."""

    def __init__(self, statuses: list[int]) -> None:
        self.statuses = statuses
        self.asked: list[tuple[str, str, bytes]] = []


@contextmanager
def _blobs(*statuses: int, now: list[datetime] | None = None) -> Iterator[tuple[SmallBlobs, Service]]:
    service = Service(list(statuses))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.asked.append((self.command, self.path, body))
            self.send_response(service.statuses.pop(0))
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"text")

        do_PUT = do_GET  # noqa: N815 - the name that the server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}/{ACCOUNT}"
    transport = open_transport(endpoint, connect_timeout_s=5, read_timeout_s=5)
    clock = now or [NOW]
    try:
        yield (
            SmallBlobs(
                endpoint, ACCOUNT, ACCOUNT_KEY, tries=2, pause_s=0, transport=transport, now=lambda: clock[0]
            ),
            service,
        )
    finally:
        transport.close()
        server.shutdown()
        server.server_close()


def test_a_blob_goes_there_and_back_in_one_request_each() -> None:
    with _blobs(201, 200) as (blobs, service):
        blobs.write("control", "a b/spec.json", b"{}")
        content = blobs.read("control", "a b/spec.json")

    assert content == b"text"
    assert [(method, urlsplit(path).path, body) for method, path, body in service.asked] == [
        ("PUT", f"/{ACCOUNT}/control/a%20b/spec.json", b"{}"),
        ("GET", f"/{ACCOUNT}/control/a%20b/spec.json", b""),
    ]


def test_a_busy_service_is_asked_again_as_often_as_was_said() -> None:
    with _blobs(503, 500, 201, 503, 503, 503) as (blobs, service):
        blobs.write("control", "spec.json", b"{}")
        with pytest.raises(HttpResponseError) as refused:
            blobs.read("control", "spec.json")

    assert refused.value.status_code == 503
    assert [body for _, _, body in service.asked[:3]] == [b"{}"] * 3
    assert len(service.asked) == 6


@pytest.mark.parametrize(
    ("status", "error"), [(404, ResourceNotFoundError), (403, ClientAuthenticationError)]
)
def test_what_the_service_says_is_an_error_of_its_kind(status: int, error: type[HttpResponseError]) -> None:
    with _blobs(status) as (blobs, _), pytest.raises(error):
        blobs.read("control", "spec.json")


def test_a_signature_is_made_anew_long_before_it_ends() -> None:
    now = [NOW]
    with _blobs(200, 200, 200, now=now) as (blobs, service):
        blobs.read("control", "spec.json")
        now[0] += timedelta(hours=1)
        blobs.read("control", "spec.json")
        now[0] += timedelta(hours=12)
        blobs.read("control", "spec.json")

    ends = [parse_qs(urlsplit(path).query)["se"][0] for _, path, _ in service.asked]
    assert ends == ["2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T13:00:00Z"]
