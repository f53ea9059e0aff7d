"""HTTP triggers, keys, ASGI apps and the admin endpoints, over a real socket."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from landfall.local.functions_host.keys import DURABLE_SYSTEM_KEY, EVENT_GRID_SYSTEM_KEY, Keys, open_keys
from tests.contract.functions_host.running import API, HostUnderTest, eventually

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")
ASGI_APP = """
import azure.functions as func
started = []
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        started.append(1)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = (await receive())["body"]
    text = f'{scope["method"]} {scope["path"]} {scope["query_string"].decode()} {body.decode()} {len(started)}'
    headers = [(b"content-type", b"text/x-own"), (b"x-seen", dict(scope["headers"])[b"x-mine"])]
    await send({"type": "http.response.start", "status": 418, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
app = func.AsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def calls() -> list[Any]:
    found: list[Any] = sys.modules["function_app"].CALLS
    return found


async def test_http_str_return(gallery: HostUnderTest) -> None:
    answer = await gallery.call("GET", "/api/plain")

    assert (answer.status, answer.text) == (200, "plain")
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("name", ["unrouted", "emptyrouted", "UnRouted"])
async def test_http_default_route(gallery: HostUnderTest, name: str) -> None:
    assert (await gallery.call("GET", f"/api/{name}")).text == name.lower()


async def test_http_method_mismatch(gallery: HostUnderTest) -> None:
    assert (await gallery.call("GET", "/api/posted")).status == 404


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/x/5", 200, "5"),
        ("/api/x", 200, "missing"),
        ("/api/x/a", 404, ""),
        ("/api/files/a/b%20c", 200, "a/b c"),
        ("/api/files/special", 200, "the literal wins"),
        ("/api/nothing", 404, ""),
        ("/elsewhere", 404, ""),
    ],
)
async def test_http_route_params(gallery: HostUnderTest, path: str, status: int, text: str) -> None:
    answer = await gallery.call("GET", path)

    assert (answer.status, answer.text) == (status, text)


async def test_http_request(gallery: HostUnderTest) -> None:
    path = "/api/posted?a=1&a=2&empty=&b=x"

    answer = await gallery.call("POST", path, json={"k": "ü"}, headers={"X-Mixed-Case": "Yes"})

    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    seen = answer.json
    assert (seen["json"], seen["params"], seen["header"]) == ({"k": "ü"}, {"a": "1,2", "b": "x"}, "Yes")
    assert seen["url"] == f"http://127.0.0.1:{gallery.host.port}{path}"
    assert "x-mixed-case" in seen["names"]


async def test_http_exception(gallery: HostUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    answer = await gallery.call("GET", "/api/broken")

    assert (answer.status, answer.text) == (500, "")
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [error.getMessage() for error in errors] == ["function_raised"]
    assert "out of order" in str(errors[0].exc_info)


async def test_http_headers(gallery: HostUnderTest) -> None:
    answer = await gallery.call("GET", "/api/headers")

    assert answer.headers["Content-Type"] == "application/x-own"
    assert answer.cookies == ["a=1; Path=/", "b=2; HttpOnly"]


async def test_http_auth(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys.json")
    host = await HostUnderTest.start(tmp_path / "data", keys=keys)
    try:
        status = {
            "none": (await host.call("GET", "/api/guarded")).status,
            "wrong": (await host.call("GET", "/api/guarded?code=wrong")).status,
            "query": (await host.call("GET", f"/api/guarded?code={keys.host}")).status,
            "header": (await host.call("GET", "/api/guarded", headers={"x-functions-key": keys.host})).status,
            "header wins": (
                await host.call("GET", f"/api/guarded?code={keys.host}", headers={"x-functions-key": "wrong"})
            ).status,
            "host key on admin": (await host.call("GET", f"/api/inner?code={keys.host}")).status,
            "master key on admin": (await host.call("GET", f"/api/inner?code={keys.master}")).status,
            "anonymous": (await host.call("GET", "/api/plain")).status,
        }
    finally:
        await host.stop()

    assert status == {
        "none": 401,
        "wrong": 401,
        "query": 200,
        "header": 200,
        "header wins": 401,
        "host key on admin": 401,
        "master key on admin": 200,
        "anonymous": 200,
    }


async def test_api_key(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys.json")
    host = await HostUnderTest.start(tmp_path / "data", keys=keys)
    event_grid = "/runtime/webhooks/eventgrid?functionName=on_event"
    try:
        right, wrong = keys.system[DURABLE_SYSTEM_KEY], keys.system[EVENT_GRID_SYSTEM_KEY]
        assert (await host.call("GET", f"{API}/instances")).status == 401
        assert (await host.call("GET", f"{API}/instances?code={wrong}")).status == 401
        assert (await host.call("GET", f"{API}/instances?code={right}")).status == 200
        assert (await host.call("GET", f"{API}/instances?code={keys.master}")).status == 200
        assert (await host.call("GET", "/durabletask/instances")).status == 401
        assert (await host.call("GET", f"/durabletask/{keys.rpc}/instances")).status == 200
        assert (await host.call("POST", event_grid)).status == 401
        assert (await host.call("POST", f"{event_grid}&code={wrong}")).status == 400
        assert (await host.call("GET", "/admin/functions")).status == 401
        assert (await host.call("GET", "/admin/host/status")).status == 200
        begun = await host.call("POST", "/api/begin/one")
        link = begun.json["statusQueryGetUri"].split(str(host.host.port))[1]
        assert (await host.call("GET", link)).status in (200, 202)
    finally:
        await host.stop()


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_without_keys_a_web_page_still_cannot_manage(
    gallery: HostUnderTest, headers: dict[str, str]
) -> None:
    assert (await gallery.call("GET", "/durabletask/instances")).status == 200
    assert (await gallery.call("GET", "/durabletask/instances", headers=headers)).status == 403


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    keys = open_keys(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert open_keys(path) == keys
    assert Keys.unchecked().allow("ADMIN", "f", None)


async def test_asgi_catch_all(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(ASGI_APP)
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    host = await HostUnderTest.start(tmp_path / "data", app=tmp_path)
    try:
        for _ in range(2):  # start-up happens once
            answer = await host.call("PUT", "/some/path?q=1", data=b"body", headers={"X-Mine": "yes"})
    finally:
        # Its destructor would start an event loop inside this one.
        sys.modules["function_app"].app.startup_task_done = False
        await host.stop()

    assert (answer.status, answer.text) == (418, "PUT /some/path q=1 body 1")
    assert answer.headers["Content-Type"].startswith("text/x-own")
    assert answer.headers["X-Seen"] == "yes"


async def test_admin_endpoints(gallery: HostUnderTest) -> None:
    status = (await gallery.call("GET", "/admin/host/status")).json
    names = {function["name"] for function in (await gallery.call("GET", "/admin/functions")).json}

    assert status["state"] == "Running"
    assert {"plain", "one", "double", "nightly"} <= names
    assert (await gallery.call("POST", "/admin/host/ping")).status == 200
    assert (await gallery.call("POST", "/admin/functions/nothing", json={"input": ""})).status == 404
    assert (await gallery.call("POST", "/admin/functions/nightly")).status == 400


async def test_timer_admin_invoke(gallery: HostUnderTest) -> None:
    answer = await gallery.call("POST", "/admin/functions/nightly", json={"input": ""})

    assert answer.status == 202
    await eventually(lambda: ("nightly", False) in calls())


async def test_timer_run_on_startup(gallery: HostUnderTest) -> None:
    await eventually(lambda: ("at_start", False) in calls())

    assert calls().count(("at_start", False)) == 1


@pytest.fixture
async def host_of(tmp_path: Path) -> AsyncIterator[Callable[[str, str], Awaitable[HostUnderTest]]]:
    """Run an app given as text, with the content of its host.json."""
    started: list[HostUnderTest] = []

    async def start(code: str, host_json: str = "{}") -> HostUnderTest:
        (tmp_path / "function_app.py").write_text(code)
        (tmp_path / "host.json").write_text(host_json)
        started.append(await HostUnderTest.start(tmp_path / "data", app=tmp_path))
        return started[0]

    yield start
    for host in started:
        await host.stop()


async def test_wsgi_app(host_of: Any) -> None:
    host = await host_of(
        "import azure.functions as func\n"
        "def application(environ, start_response):\n"
        "    start_response('201 Created', [('Content-Type', 'text/x-own')])\n"
        "    return [environ['PATH_INFO'].encode() + environ['wsgi.input'].read()]\n"
        "app = func.WsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)\n",
        '{"extensions": {"http": {"routePrefix": ""}}}',
    )

    answer = await host.call("POST", "/some/path", data=b"!")

    assert (answer.status, answer.text) == (201, "/some/path!")


async def test_trigger_that_is_not_served_can_be_called_by_hand(
    host_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = await host_of(
        "import azure.functions as func\n"
        "CALLS = []\n"
        "app = func.FunctionApp()\n"
        "@app.blob_trigger(arg_name='blob', path='in/{name}', connection='C')\n"
        "def on_blob(blob: func.InputStream): CALLS.append(blob.read())\n"
    )

    answer = await host.call("POST", "/admin/functions/on_blob", json={"input": "hello"})

    assert answer.status == 202
    await eventually(lambda: calls() == [b"hello"])
    assert "trigger_not_served" in [record.getMessage() for record in caplog.records]


async def test_function_timeout(host_of: Any) -> None:
    host = await host_of(
        "import time, asyncio, azure.functions as func, azure.durable_functions as df\n"
        "app = df.DFApp()\n"
        "@app.orchestration_trigger(context_name='context')\n"
        "def main(context): return (yield context.call_activity(context.get_input()['name'], 1))\n"
        "@app.activity_trigger(input_name='x')\n"
        "def blocks(x): time.sleep(0.4)\n"
        "@app.activity_trigger(input_name='x')\n"
        "async def hangs(x): await asyncio.sleep(60)\n",
        '{"functionTimeout": "00:00:00.1"}',
    )

    for name in ("blocks", "hangs"):
        status = await host.ended(await host.begin("main", {"name": name}))
        assert f"exceeded by function: {name}" in status["output"]
