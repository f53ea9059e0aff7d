"""Pages of runs as they are sent: what they may load, who sees and does what, and that nothing secret is in them."""

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from landfall.landing.intake import take_in
from landfall.metadata.engine import Database
from landfall.runs.closing import close_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import RunRequest, Trigger, request_run
from tests.api_server import Api, Sent, ServerBackend, in_azure
from tests.builders import a_blob_event
from tests.console import seeding
from tests.databases import a_database
from tests.integration.runs.acting import NOW

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return a_database(tmp_path_factory.mktemp("answers"))


@pytest.fixture
def run_id(database: Database) -> RunID:
    """Return a run that somebody asked for with parameters, and of which one node failed."""
    seeding.apply(database, seeding.SHOP, now=NOW)
    event = a_blob_event("sales/orders/orders_landed/a.csv")
    database.transact(lambda c: take_in(c, event, now=NOW))
    request = RunRequest(
        product="sales/orders",
        trigger=Trigger.HTTP,
        requested_by="ada",
        parameters={"day": "2026-01-01", "api_token": "hunter2"},
    )
    database.transact(lambda c: request_run(c, request, request_id=RequestID("q1"), now=NOW))
    opened = seeding.begin(database, now=NOW + timedelta(minutes=1))
    ended = seeding.work_through(database, opened, now=NOW + timedelta(minutes=1), failing={"clean_orders"})
    database.transact(lambda c: close_run(c, opened, now=ended))
    return opened


def paths(run_id: str) -> list[str]:
    views = ("graph", "timeline", "nodes", "rules", "files", "events")
    return [
        "/console/runs",
        "/console/runs/bulk?act=rerun",
        *(f"/console/runs/{run_id}?view={view}&node=clean_orders" for view in views),
        f"/console/runs/{run_id}/rerun-failed",
        "/console/search?q=orders",
        "/console/runs/none",
    ]


def post(api: Api, path: str, token: str, **fields: str) -> Sent:
    body = urlencode({"csrf_token": token, **fields}).encode()
    return api.send("POST", path, body, headers={"content-type": FORM, "origin": api.url})


def token_of(page: Sent) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def a_browser_of(database: Database) -> tuple[Api, str]:
    """Return a caller with the cookie of a page of ours, and the token that goes with it."""
    api = Api(ServerBackend(database))
    page = api.get("/console/products/sales/orders/pause")
    cookie = page.cookies[0].partition(";")[0]
    return Api(api.backend, headers={**api.headers, "cookie": cookie}), token_of(page)


def test_no_page_has_a_script_or_style_of_its_own_or_loads_from_elsewhere(
    database: Database, run_id: RunID
) -> None:
    api = Api(ServerBackend(database))

    for path in paths(run_id):
        page = api.get(path)
        assert "script-src 'self'" in page.headers["content-security-policy"], path
        assert re.findall(r"<script(?![^>]* src=)[^>]*>|<style|\sstyle=|\son[a-z]+=", page.text) == [], path
        loaded = re.findall(r'(?:<script[^>]* src|<link[^>]* href)="([^"]+)"', page.text)
        assert loaded, path
        assert all(url.startswith("/console/static/") for url in loaded), path


def test_assets_are_kept_for_ever_under_the_address_of_their_version(
    database: Database, run_id: RunID
) -> None:
    api = Api(ServerBackend(database))
    page = api.get("/console/runs")

    for url in re.findall(r'"(/console/static/[^"]+)"', page.text):
        asset = api.get(url)
        assert (asset.status, "immutable" in asset.headers["cache-control"]) == (200, True), url
    assert api.get("/console/static/old/console.css").headers["cache-control"] == "no-store"
    assert api.get("/console/static/x/../../secret").status == 404


def test_nothing_secret_is_shown(database: Database, run_id: RunID) -> None:
    page = Api(ServerBackend(database)).get(f"/console/runs/{run_id}?node=clean_orders")

    assert "2026-01-01" in page.text
    assert "(secret)" in page.text
    assert "hunter2" not in page.text


def test_who_reads_another_domain_finds_nothing(database: Database, run_id: RunID) -> None:
    api = in_azure(database, "eve@contoso.example", "operator:finance")

    assert run_id not in api.get("/console/runs").text
    assert f"/runs/{run_id}" not in api.get(f"/console/search?q={run_id}").text
    for path in (
        f"/console/runs/{run_id}",
        f"/console/runs/{run_id}/cancel",
        f"/console/runs/{run_id}/logs/orders",
    ):
        assert api.get(path).status == 404, path


def test_who_may_only_read_sees_no_act_and_can_do_none(database: Database, run_id: RunID) -> None:
    api = in_azure(database, "bob@contoso.example", "reader:sales")

    page = api.get(f"/console/runs/{run_id}?node=clean_orders")

    assert (page.status, "Rerun" in page.text) == (200, False)
    refused = api.get(f"/console/runs/{run_id}/replay")
    assert (refused.status, "You may not do this" in refused.text) == (403, True)


def test_an_act_needs_the_token_of_a_page_of_ours(database: Database, run_id: RunID) -> None:
    api = Api(ServerBackend(database))
    page = api.get(f"/console/runs/{run_id}/rerun-failed")
    cookie = page.cookies[0].partition(";")[0] if page.cookies else ""
    with_cookie = Api(api.backend, headers={**api.headers, "cookie": cookie})
    path = f"/console/runs/{run_id}/rerun-failed"

    forged = post(with_cookie, path, "forged")
    done = post(with_cookie, path, token_of(page))

    assert forged.status == 403
    assert (done.status, done.headers["location"].startswith("/console/requests/")) == (303, True)


def test_what_is_asked_for_in_vain_says_why_and_how(database: Database, run_id: RunID) -> None:
    api = Api(ServerBackend(database))

    for path, said in (
        ("/console/runs?state=odd", "state: &#39;odd&#39; is none of"),
        ("/console/runs?since=yesterday", "since: &#39;yesterday&#39;"),
        ("/console/runs?cursor=odd", "is not where a page of this list ended"),
        (f"/console/runs/{run_id}?view=odd", "view: &#39;odd&#39; is none of"),
        (f"/console/runs/{run_id}?node=odd", "has no node &#39;odd&#39;"),
        (f"/console/runs/{run_id}/odd", "There is no act &#39;odd&#39; here"),
        ("/console/runs/bulk?act=odd", "act: &#39;odd&#39; is none of"),
    ):
        page = api.get(path)
        assert page.status in {400, 404}, path
        assert said in page.text, path


def test_a_page_that_is_known_is_not_sent_again(database: Database, run_id: RunID) -> None:
    api = Api(ServerBackend(database))
    first = api.get(f"/console/runs/{run_id}")
    cookie = first.cookies[0].partition(";")[0]

    again = api.get(
        f"/console/runs/{run_id}",
        cookie=cookie,
        if_none_match=api.get(f"/console/runs/{run_id}", cookie=cookie).headers["etag"],
    )

    assert (again.status, again.text) == (304, "")


def test_a_new_house_is_told_its_first_step_and_a_quiet_one_that_nothing_is_to_be_done(
    database: Database,
) -> None:
    api = Api(ServerBackend(database))

    new = api.get("/console").text
    seeding.apply(database, seeding.SHOP, now=NOW)
    quiet = api.get("/console").text

    assert ("landfall apply" in new, "Nothing needs anybody" in new) == (True, False)
    assert ("landfall apply" in quiet, "Nothing needs anybody" in quiet) == (False, True)


def test_a_slash_behind_the_console_leads_to_it(database: Database) -> None:
    answer = Api(ServerBackend(database)).get("/console/")

    assert (answer.status, answer.headers["location"]) == (308, "/console")


@pytest.mark.parametrize(
    ("form", "route", "fields", "faulty"),
    [
        (
            "/console/products/sales/orders/backfill",
            "/api/products/sales/orders/backfills",
            {"from": "soon", "to": "2026-02-01"},
            "from",
        ),
        (
            "/console/products/sales/orders/backfill",
            "/api/products/sales/orders/backfills",
            {"from": "2026-02-01", "to": "2026-01-01"},
            "from",
        ),
        (
            "/console/products/sales/orders/run",
            "/api/products/sales/orders/runs",
            {"datasets": "orders_land"},
            "datasets",
        ),
        (
            "/console/products/sales/orders/pause",
            "/api/products/sales/orders/pause",
            {"reason": "x" * 2_000},
            "reason",
        ),
        (
            "/console/configuration/runs.retries/set",
            "/api/config/runs.retries",
            {"value": "many", "product": "sales/orders"},
            "value",
        ),
        (
            "/console/configuration/runs.retries/set",
            "/api/config/runs.retries",
            {"value": "3", "product": "sales/orders", "effective_at": "soon"},
            "effective_at",
        ),
        (
            "/console/configuration/runs.retries/set",
            "/api/config/runs.retries",
            {"value": "3", "product": "sales/orders", "effective_at": "2020-01-01T00:00Z"},
            "effective_at",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) and "/" not in part else "",
)
def test_a_wrong_value_is_answered_as_by_the_api_and_told_at_its_field(
    database: Database, run_id: RunID, form: str, route: str, fields: dict[str, str], faulty: str
) -> None:
    browser, token = a_browser_of(database)
    body = {**fields, "datasets": fields["datasets"].split(",")} if "datasets" in fields else fields

    page = post(browser, form, token, **fields)
    answer = Api(ServerBackend(database)).post(route, body)

    assert (page.status, answer.status) == (400, 400)
    (told,) = re.findall(r'id="fault-(\w+)">.*?<span>(.*?)</span>', page.text)
    assert told[0] == faulty
    assert html.unescape(told[1]) in answer.json["detail"]
    assert 'aria-invalid="true"' in page.text
    # What was sent stands there still.
    assert html.escape(fields[faulty]) in page.text


def test_what_is_no_page_is_told_as_a_page(database: Database, run_id: RunID) -> None:
    api = Api(ServerBackend(database))

    for path in ("/console/files/odd", "/console/quarantine/sales/orders/orders_landed/forget"):
        page = api.get(path)
        assert (page.status, page.headers["content-type"].partition(";")[0]) == (404, "text/html"), path


@pytest.mark.parametrize(
    ("path", "act"),
    [
        ("/console/runs/{run}/rerun-failed", "run.rerun"),
        ("/console/products/sales/orders/pause", "product.pause"),
    ],
)
def test_an_act_of_the_console_is_in_the_audit_log_by_its_name(
    database: Database, run_id: RunID, path: str, act: str
) -> None:
    browser, token = a_browser_of(database)

    assert post(browser, path.format(run=run_id), token).status == 303

    (row,) = browser.get("/api/audit").json["acts"]
    assert (row["act"], row["via"]) == (act, "console")


def test_a_file_is_called_as_people_call_it_and_leads_to_its_refused_rows(database: Database) -> None:
    seeding.apply(database, seeding.SHOP, now=NOW)
    event = a_blob_event("sales/orders/orders_landed/orders%202024%20zo%C3%AB.csv")
    database.transact(lambda c: take_in(c, event, now=NOW))
    opened = seeding.begin(database, now=NOW + timedelta(minutes=1))
    ingest = "ingest.orders_landed"
    seeding.submit(database, opened, ingest, now=NOW + timedelta(minutes=2))
    refusing = seeding.succeeded(8, quarantined=2)
    seeding.settle(database, opened, ingest, refusing, now=NOW + timedelta(minutes=3))
    api = Api(ServerBackend(database))

    listed = api.get("/console/files?q=orders+2024+z").text
    shown = html.unescape(api.get("/console/files/1").text)

    assert ">orders 2024 zoë.csv<" in listed
    assert "orders 2024 zoë.csv" in re.findall(r"<h1>(.*?)<", shown)[0]
    named = r"orders_landed(/|%2F)orders(%20|\+)2024(%20|\+)zo%C3%AB\.csv"
    assert re.search(rf'href="[^"]*quarantine[^"]*file={named}"', shown)
