"""What every answer of the API has in common: problems for whatever goes wrong, headers, tags."""

import json

import azure.functions as func
import pytest

from landfall.api.bridge import AsgiApp, Message, Receive, Send, WebApp
from landfall.api.headers import security_headers
from landfall.metadata.engine import Database
from tests.api_server import Api, ServerBackend
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply


@pytest.fixture
def api(database: Database) -> Api:
    apply(database, a_product(a_transformation()))
    return Api(ServerBackend(database))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "LF6120"),
        ("GET", "/", 404, "LF6120"),
        ("DELETE", "/api/runs", 405, "LF6126"),
        ("GET", "/api/runs/r9", 404, "LF3203"),
        ("GET", "/api/why/files/x", 400, "LF6104"),
        ("GET", "/api/why/files/0", 400, "LF6104"),
        ("GET", "/api/why/files/99", 404, "LF3102"),
        ("GET", "/api/lineage", 400, "LF6104"),
        ("GET", "/api/lineage?of=orders&depth=0&direction=sideways", 400, "LF6104"),
        ("GET", "/api/dead-letters?state=lost", 400, "LF6104"),
        ("POST", "/api/products/sales/none/pause", 404, "LF2101"),
        ("POST", "/api/runs/cancel", 400, "LF6101"),
        ("POST", "/api/backfills/q9/forget", 400, "LF6104"),
        ("GET", "/api/requests/q9", 404, "LF3202"),
    ],
)
def test_whatever_goes_wrong_is_a_problem_with_a_code(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = api.send(method, path)

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert problem["detail"]


def test_faults_of_parameters_are_told_all_at_once(api: Api) -> None:
    answer = api.get("/api/lineage?of=orders&depth=0&direction=sideways")

    assert [fault.partition(":")[0] for fault in answer.json["faults"]] == ["direction", "depth"]


def test_a_defect_is_a_problem_that_gives_nothing_away(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(api.backend.database, "read", broken)

    answer = api.get("/api/runs")

    assert (answer.status, answer.json["code"]) == (500, "LF6127")
    assert "hunter2" not in answer.text
    assert answer.headers.items() >= security_headers("http").items()
    assert "GET /api/runs met a defect" in caplog.text


@pytest.mark.parametrize("path", ["/api/runs", "/api/nothing", "/api/openapi.json"])
def test_every_answer_tells_a_browser_to_trust_nothing_else(api: Api, path: str) -> None:
    headers = api.get(path).headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["referrer-policy"] == "same-origin"


def test_who_has_an_answer_is_told_that_it_still_holds(api: Api) -> None:
    first = api.get("/api/runs")

    again = api.get("/api/runs", if_none_match=f'"x", {first.headers["etag"]}')
    api.post("/api/products/sales/orders/pause")
    changed = api.get("/api/runs", if_none_match=first.headers["etag"])

    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert changed.status == 200


def test_a_body_may_be_empty_and_may_not_be_everything(api: Api) -> None:
    starter = "/api/products/sales/orders/runs"

    answers = [
        api.post(starter, body).json.get("faults", [])
        for body in (b"", b"[]", b"{", b'"x"', b'{"full": NaN}', b'{"trigger": "landing"}')
    ]
    large = [api.post(path, b"x" * 70_000) for path in (starter, "/api/runs/r1/cancel", "/console/runs/bulk")]

    assert answers[0] == []
    assert [len(faults) for faults in answers] == [0, 1, 1, 1, 1, 1]
    assert answers[-1] == ["'trigger' must be one of http, adf."]
    assert [answer.status for answer in large] == [413, 413, 413]
    assert large[0].json["code"] == "LF6129"


def test_the_description_holds_every_route_and_every_body(api: Api) -> None:
    description = api.get("/api/openapi.json").json

    text = json.dumps(description)
    assert description["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in text
    start = description["paths"]["/api/products/{domain}/{product}/runs"]["post"]
    assert start["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/StartRun"
    }
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(description["components"]["schemas"])


async def test_the_bridge_keeps_cookies_apart_and_ends_what_waits() -> None:
    async def echo(scope: Message, receive: Receive, send: Send) -> None:
        first, second = await receive(), await receive()
        assert (first["body"], second["type"]) == (b"hello", "http.disconnect")
        headers = [(b"Set-Cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2"), (b"content-type", b"text/x")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        for part in (scope["path"].encode(), scope["query_string"]):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    app: AsgiApp = echo
    request = func.HttpRequest(method="GET", url="http://h/a%20b?q=%2F", headers={}, body=b"hello")

    response = await WebApp(lambda: app).answer(request, None)

    assert (response.status_code, response.get_body()) == (201, b"/a bq=%2F")
    assert response.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2"]
    assert response.headers["content-type"] == "text/x"
