"""The real API on loopback over a real database, without the orchestrations behind it."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, get_type_hints

import azure.functions as func
import sqlalchemy as sa

from activities.events import EventActivities
from activities.http import HttpBackend
from landfall.api.app import create_app
from landfall.api.bridge import WebApp
from landfall.api.identity import Owners
from landfall.api.reply import Acted, problem_of
from landfall.errors import LandfallError
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests
from landfall.runs.ids import RequestID
from landfall.settings import IdentitySettings
from tests.fakes.instances import FakeInstances

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)

# Made once for each identity: its models take a second.
application = cache(create_app)
WEB = WebApp(lambda: application(IdentitySettings(insecure_local="ada")))


class ServerBackend(HttpBackend):
    """The function app's, but for what acts set going: nothing is there to go."""

    def __init__(self, database: Database, *, now: datetime = LATER) -> None:
        settings = SimpleNamespace(
            callback_hosts=(),
            callback_loopback=False,
            # Nothing answers there.
            storage_account="devstoreaccount1",
            blob_endpoint="http://127.0.0.1:9/devstoreaccount1",
            storage_key="a2V5",
        )
        services: Any = SimpleNamespace(database=database, settings=settings, now=lambda: now)
        parts: Any = SimpleNamespace(services=services, events=EventActivities(services))
        super().__init__(parts, FakeInstances())
        self.followed: list[Acted] = []

    def new_id(self) -> RequestID:
        """Return q1 for the first request, q2 for the second."""
        query = sa.select(sa.func.count()).select_from(run_requests)
        return RequestID(f"q{self.database.read(lambda c: c.execute(query).scalar_one()) + 1}")

    async def follow_up(self, acted: Any) -> None:
        self.followed.append(acted)

    def job_output(self, job_run_id: JobRunID) -> JobOutput:
        return JobOutput(error=None, error_trace=None, logs=f"job run {job_run_id} has printed this")


@contextmanager
def serving(database: Database) -> Iterator[str]:
    """Serve the API, and give the URL of it."""
    backend = ServerBackend(database)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            request = func.HttpRequest(
                method=self.command,
                url=f"http://{self.headers['Host']}{self.path}",
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            )
            response = asyncio.run(WEB.answer(request, backend))
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.get_body())

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


@dataclass(frozen=True)
class Sent:
    """An answer of the API."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: tuple[str, ...]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """The application in this process: calls go through the bridge, as the function app's do.

    Attributes:
        headers: What every call carries.
    """

    backend: ServerBackend
    identity: IdentitySettings = field(default_factory=lambda: IdentitySettings(insecure_local="ada"))
    headers: Mapping[str, str] = field(default_factory=lambda: {"host": "127.0.0.1:7071"})
    url: str = "http://127.0.0.1:7071"

    def __post_init__(self) -> None:
        app = application(self.identity)
        app.state.owners = Owners()
        self._web = WebApp(lambda: app)

    def send(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Sent:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = func.HttpRequest(
            method=method,
            url=f"{self.url}{path}",
            headers={
                name: value
                for name, value in {**self.headers, **(headers or {})}.items()
                if value is not None
            },
            body=content,
        )
        response = asyncio.run(self._web.answer(request, self.backend))
        return Sent(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            response.get_body().decode(),
            tuple(response.headers.getlist("set-cookie")),
        )

    def get(self, path: str, **headers: str) -> Sent:
        return self.send(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def post(self, path: str, body: Any = None, **headers: str) -> Sent:
        return self.send(
            "POST", path, body, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


def signed_in(name: str, *roles: str) -> dict[str, str]:
    """Return the header in which App Service says who calls."""
    claims = [{"typ": "preferred_username", "val": name}, *({"typ": "roles", "val": role} for role in roles)]
    principal = {"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"}
    return {
        "host": "app.example",
        "x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode(),
    }


def in_azure(database: Database, name: str, *roles: str) -> Api:
    """Return the API as App Service authentication hands callers to it."""
    return Api(
        ServerBackend(database),
        IdentitySettings(signed_in_by_app_service=True, in_azure=True),
        signed_in(name, *roles),
        "https://app.example",
    )


def answered(view: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Return what a view answers; what it raises as the application tells it."""
    try:
        return view(*args, **more)
    except LandfallError as error:
        told = problem_of(error)
        return Acted(told) if get_type_hints(view)["return"] is Acted else told
