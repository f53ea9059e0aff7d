"""Every route of the API and every page of the console, walked: what no answer may lack or show, whoever adds one."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from landfall.console.address import ROOT
from landfall.console.router import PARTS
from landfall.jobs.protocol import JobOutput, JobRunID
from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.landing.intake import take_in
from landfall.metadata.alarms import AlarmName, raise_alarm
from landfall.metadata.engine import Database
from landfall.runs.closing import close_run, start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.pausing import pause_product
from landfall.runs.requests import RunRequest, Trigger, request_run
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.settings import IdentitySettings
from tests.api_server import Api, ServerBackend, in_azure
from tests.builders import a_blob_event, a_product, a_transformation
from tests.databases import a_database
from tests.integration.api.test_api_acts import forms
from tests.integration.api.test_api_isolation import HIDDEN, VALUES, fill, filled, paths, reads
from tests.integration.runs.acting import NOW, apply, settle

PLANTED = "hunter2planted"
SECRET = f"no sign-in: password={PLANTED};Server=x"
FORM = "application/x-www-form-urlencoded"
# What the acts of pages are called, by the beginning of their address.
ACTS = {
    f"{ROOT}/products": "pause",
    f"{ROOT}/quarantine": "discard",
    f"{ROOT}/runs": "cancel",
    f"{ROOT}/backfills": "pause",
    f"{ROOT}/dead-events": "replay",
}


class LeakyBackend(ServerBackend):
    """Its jobs print what they sign in with."""

    def job_output(self, job_run_id: JobRunID) -> JobOutput:
        return JobOutput(
            SECRET, f"Traceback: {SECRET}", f"connects with {SECRET}\nAuthorization: Bearer {PLANTED * 2}"
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = a_database(tmp_path_factory.mktemp("walk"))
    fill(database)
    _plant(database)
    yield database
    database.close()


def _plant(database: Database) -> None:
    """Write a secret into whatever people and foreign programs write: errors, reasons, parameters, events."""
    apply(database, a_product(a_transformation(), domain="sales", name="leaky"))
    event = a_blob_event("sales/leaky/orders_landed/a.csv")
    database.transact(lambda c: take_in(c, event, now=NOW))
    request = RunRequest(
        "sales/leaky", Trigger.HTTP, "ada", full=True, parameters={"api_key": PLANTED, "note": SECRET}
    )
    database.transact(lambda c: request_run(c, request, request_id=RequestID("leaky-q"), now=NOW))
    database.transact(lambda c: open_run(c, "sales/leaky", RunID("leaky-run"), now=NOW))
    database.transact(lambda c: start_run(c, RunID("leaky-run"), now=NOW))
    failed = Verdict(NodeState.FAILED, error_code="LF4571", reason=SECRET)
    settle(database, RunID("leaky-run"), "ingest.orders_landed", failed)
    database.transact(lambda c: close_run(c, RunID("leaky-run"), now=NOW))

    def rest(connection: Any) -> None:
        keep_dead_letter(
            connection,
            f'{{"data": {{"sasToken": "{PLANTED}", "url": "https://x/y?sig={PLANTED}"}}}}',
            source=LetterSource.QUEUE,
            reason=SECRET,
            error_code="LF3101",
            now=NOW,
        )
        pause_product(connection, "sales/leaky", actor="ada", reason=SECRET, now=NOW)
        raise_alarm(
            connection, AlarmName.SET_INCOMPLETE, product_id=None, subject="leaky", detail=SECRET, now=NOW
        )

    database.transact(rest)
    Api(ServerBackend(database)).post("/api/products/sales/leaky/resume")
    Api(ServerBackend(database)).post("/api/products/sales/leaky/pause", {"reason": SECRET})


LEAKY = {
    **VALUES,
    "product": "leaky",
    "dataset": "orders",
    "run_id": "leaky-run",
    "key": "ingest.orders_landed",
    "request_id": "leaky-q",
    "letter_id": "2",
}


def pages(values: dict[str, str]) -> list[str]:
    """Return the address of every page, about what the values name."""
    found = [ROOT]
    for part in PARTS:
        for route in part.router.routes:
            if "GET" in route.methods:
                path = ROOT + route.path
                act = next((act for begins, act in ACTS.items() if path.startswith(begins)), "")
                found.append(filled(path, {**values, "act": act}))
    node = f"node={values['key']}"
    views = ("graph", "timeline", "nodes", "rules", "files", "events")
    found += [f"{ROOT}/runs/{values['run_id']}?view={view}&{node}" for view in views]
    return [
        *found,
        f"{ROOT}/search?q={values['product']}",
        f"{ROOT}/lineage?of={values['domain']}/{values['product']}.{values['dataset']}",
    ]


def test_no_page_shows_anything_of_another_domain(database: Database) -> None:
    outsider = in_azure(database, "eve@contoso.example", "owner:finance", "operator:finance")
    insider = in_azure(database, "ada@contoso.example", "admin")

    told = {path: outsider.get(path) for path in pages(VALUES)}
    full = {path for path in told if HIDDEN in insider.get(path).text}

    shown = {
        path: told[path].text
        for path in told
        if HIDDEN in told[path].text and not (HIDDEN in path and told[path].status in {400, 403, 404})
    }
    assert shown == {}
    assert {answer.status for answer in told.values()} <= {200, 303, 308, 400, 403, 404, 503}
    # Otherwise it would look for something that is nowhere.
    assert len(full) >= 20, full


def test_nothing_that_looks_like_a_secret_is_shown_anywhere(database: Database) -> None:
    api = Api(LeakyBackend(database))
    every = [
        *reads(database),
        *(filled(path, LEAKY) for path in paths(database, "get")),
        *pages(LEAKY),
        "/api/dead-letters",
        "/api/alarms?all=true",
    ]

    answers = {path: api.get(path).text for path in every}

    assert [path for path, text in answers.items() if PLANTED in text] == []
    concealed = [path for path, text in answers.items() if "(secret)" in text]
    assert len(concealed) >= 18, concealed


@pytest.mark.parametrize("identity", ["signed in", "nobody", "a reader of nothing"])
def test_every_answer_has_the_headers_that_bind_a_browser(database: Database, identity: str) -> None:
    api = {
        "signed in": Api(ServerBackend(database)),
        "nobody": Api(ServerBackend(database), IdentitySettings()),
        "a reader of nothing": in_azure(database, "eve@contoso.example"),
    }[identity]
    asked = [
        *(
            ("GET", path)
            for path in (*reads(database), *pages(VALUES), "/api/openapi.json", "/api/nothing", "/")
        ),
        *(("POST", filled(path)) for path in paths(database, "post")),
        *(("POST", filled(path)) for path in forms()),
        ("DELETE", "/api/runs"),
        ("HEAD", "/api/runs"),
    ]

    for method, path in asked:
        headers = api.send(method, path, headers={"origin": "https://evil.example"}).headers
        assert headers.get("content-security-policy", "").startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        # Nobody in between keeps what is about people, and a browser asks before it shows it again.
        assert headers["cache-control"] == "private, no-cache", path


def test_no_form_and_no_act_is_done_for_a_foreign_page(database: Database) -> None:
    api = Api(ServerBackend(database))
    before = api.get("/api/audit?limit=500").text
    acts = {
        *(filled(path) for path in forms()),
        *(filled(path) for path in paths(database, "post")),
    }
    fields = urlencode({"csrf_token": "forged", "reason": "x", "value": "1", "sure": "yes"}).encode()
    sent = [
        {"content-type": FORM, "origin": api.url},
        {"content-type": FORM, "origin": api.url, "cookie": "landfall-csrf=mine"},
        {"content-type": FORM, "origin": "https://evil.example", "cookie": "landfall-csrf=forged"},
        {"content-type": FORM, "sec-fetch-site": "cross-site", "cookie": "landfall-csrf=forged"},
        {"content-type": FORM, "cookie": "landfall-csrf=mine"},
        {"content-type": "text/plain", "cookie": "landfall-csrf=mine"},
    ]

    answers = {
        (path, number): api.send("POST", path, fields, headers=headers)
        for path in sorted(acts)
        for number, headers in enumerate(sent)
    }

    assert len(acts) > 40
    assert {answer.status for answer in answers.values()} == {403}
    assert all("LF6123" in answer.text for answer in answers.values())
    assert api.get("/api/audit?limit=500").text == before


def test_every_read_has_a_tag_by_which_it_is_not_sent_again(database: Database) -> None:
    api = Api(ServerBackend(database))
    plain = [filled(path) for path in paths(database, "get")]
    for path in [
        "/api/openapi.json",
        *plain,
        "/api/lineage?of=open_book",
        f"/api/lineage/files?of=sales/orders.{HIDDEN}",
    ]:
        first = api.get(path)
        if first.status != 200:
            continue
        again = api.get(path, if_none_match=first.headers["etag"])
        head = api.send("HEAD", path)
        assert (again.status, again.text) == (304, ""), path
        assert (head.status, head.text, head.headers["etag"]) == (200, "", first.headers["etag"]), path
