"""The real API on loopback over a real database, without the orchestrations behind it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from activities.events import EventActivities
from landfall.api import bulk, files, letters, products, runs
from landfall.api.reply import Reply
from landfall.calling_back import CallbackPolicy
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests
from landfall.runs.ids import RequestID
from tests.fakes.instances import FakeInstances

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
Endpoint = Callable[[Database, list[str], bytes, str], Reply]

LATER = NOW + timedelta(minutes=1)

ROUTES: dict[str, Endpoint] = {
    "files/replay": lambda database, _path, body, actor: (
        files.request_replay(database, body, actor=actor, now=LATER).reply
    ),
    "runs/cancel": lambda database, _path, body, actor: (
        bulk.request_cancels(database, body, actor=actor, now=LATER).reply
    ),
    "runs/rerun": lambda database, _path, body, actor: (
        bulk.request_reruns(database, body, actor=actor, now=LATER).reply
    ),
    "dead-letters/discard": lambda database, _path, body, actor: (
        letters.request_discard(database, body, actor=actor, now=LATER).reply
    ),
    "dead-letters/replay": lambda database, _path, body, actor: _replay_letters(database, body, actor),
    "products/*/*/runs": lambda database, path, body, actor: (
        runs.start_run(
            database,
            "/".join(path[1:3]),
            body,
            policy=CallbackPolicy(),
            at="http://app/",
            actor=actor,
            request_id=_new_id(database),
            now=LATER,
        ).reply
    ),
    "products/*/*/pause": lambda database, path, body, actor: (
        products.request_pause(database, "/".join(path[1:3]), body, actor=actor, now=LATER).reply
    ),
    "products/*/*/resume": lambda database, path, _body, actor: (
        products.request_resume(database, "/".join(path[1:3]), actor=actor, now=LATER).reply
    ),
    "runs/*/rerun": lambda database, path, body, actor: (
        runs.start_rerun(
            database, path[1], body, at="http://app/", actor=actor, request_id=_new_id(database), now=LATER
        ).reply
    ),
}


def _new_id(database: Database) -> RequestID:
    """Return q1 for the first request, q2 for the second."""
    query = sa.select(sa.func.count()).select_from(run_requests)
    return RequestID(f"q{database.read(lambda c: c.execute(query).scalar_one()) + 1}")


def _replay_letters(database: Database, body: bytes, actor: str) -> Reply:
    """Answer as the function app does: nothing a letter brings needs a lake or a job here."""
    chosen = letters.choose(database, body, now=LATER)
    if isinstance(chosen, Reply):
        return chosen
    services: Any = SimpleNamespace(database=database, now=lambda: LATER)
    done = asyncio.run(EventActivities(services).replay(chosen.letter_ids, FakeInstances(), actor=actor))
    return letters.acted_on(done, chosen.following)


@contextmanager
def serving(database: Database) -> Iterator[str]:
    """Serve the API, and give the URL of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            path = self.path.removeprefix("/api/").split("/")
            endpoint = next(found for route, found in ROUTES.items() if _fits(route, path))
            reply = endpoint(database, path, body, self.headers["x-landfall-actor"])
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.text().encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fits(route: str, path: list[str]) -> bool:
    parts = route.split("/")
    return len(parts) == len(path) and all(
        one == "*" or one == other for one, other in zip(parts, path, strict=True)
    )
