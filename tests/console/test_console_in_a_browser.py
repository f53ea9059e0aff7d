"""What operators do on the pages of runs, in a real browser over the real application and a real database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from landfall.jobs.protocol import IdempotencyToken, JobOutput
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_runs, run_events, run_requests, runs
from landfall.runs.ids import RunID
from tests.console import seeding
from tests.console.conftest import DESKTOP, PHONE
from tests.console.looking import faults_of
from tests.console.serving import Served, serving
from tests.databases import a_database

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return a_database(tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def shop(database: Database) -> dict[str, RunID]:
    """Return the runs of the store by how they ended."""
    return seeding.a_shop(database, now=NOW)


@pytest.fixture(scope="module")
def served(database: Database, shop: dict[str, RunID]) -> Iterator[Served]:
    with serving(database) as served:
        yield served


def test_the_filter_stands_in_the_address_and_is_kept(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs")
    expect(tab.locator("tbody tr")).to_have_count(3)

    tab.get_by_label("State").select_option("failed")
    expect(tab.locator("tbody tr")).to_have_count(1)
    tab.reload()

    assert "state=failed" in tab.url
    expect(tab.locator("tbody tr")).to_contain_text(shop["failed"])
    tab.go_back()
    expect(tab.locator("tbody tr")).to_have_count(3)


def test_a_failed_run_leads_to_the_rule_that_stopped_it(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs/{shop['failed']}")

    tab.get_by_role("link", name="clean_orders, silver, failed").click()

    drawer = tab.get_by_role("complementary")
    expect(drawer).to_contain_text("order_has_customer refused 312 of 48,210 rows")
    expect(drawer).to_contain_text("order_id=90211")
    expect(drawer).to_contain_text(f"run-{shop['failed']}-node-clean_orders")
    assert "node=clean_orders" in tab.url
    tab.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    # Who closes a drawer by the keyboard goes on from where it was opened.
    expect(tab.get_by_role("link", name="clean_orders, silver, failed")).to_be_focused()


def test_a_file_name_leads_to_its_failing_rows_in_three_clicks(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/files")
    landed_at = NOW - timedelta(minutes=seeding.MINUTES_AGO["failed"])
    name = f"orders_{landed_at:%Y%m%d_%H%M}.csv"
    tab.get_by_label("File name").fill(name)

    tab.get_by_role("link", name=name).click()
    tab.get_by_role("region", name="Versions of this path").get_by_role("link", name=shop["failed"]).click()
    tab.get_by_role("region", name="1 node failed").get_by_role("link", name="clean_orders").click()

    drawer = tab.get_by_role("complementary")
    expect(drawer).to_contain_text("order_has_customer")
    expect(drawer).to_contain_text("order_id=90211, order_id=90218")


def test_what_happens_in_a_run_shows_by_itself(
    tab: Page, database: Database, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs/{shop['running']}")
    expect(tab.get_by_role("link", name="late_orders, gold, submitted")).to_be_visible()

    seeding.settle(database, shop["running"], "late_orders", seeding.succeeded(812), now=datetime.now(UTC))

    expect(tab.get_by_role("link", name="late_orders, gold, succeeded")).to_be_visible()


def test_a_page_that_is_still_the_same_is_not_sent_again(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    asked: list[int] = []
    tab.on("response", lambda answer: asked.append(answer.status) if "/runs/" in answer.url else None)
    tab.goto(f"{served.url}/console/runs/{shop['running']}")

    tab.wait_for_event("response", lambda answer: answer.status == 304, timeout=60_000)

    assert set(asked) == {200, 304}


def test_cancelling_a_run_asks_first_and_then_says_who_did_it(
    tab: Page, database: Database, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs/{shop['running']}")

    tab.get_by_role("link", name="Cancel", exact=True).click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text(f"landfall runs cancel {shop['running']}")
    dialog.get_by_role("button", name="Cancel the run").click()

    expect(tab.locator("main")).to_contain_text("grace asked for its end")
    found = database.read(
        lambda c: c.execute(
            sa.select(runs.c.CancelRequestedBy, run_events.c.Actor)
            .join(run_events, run_events.c.RunID == runs.c.RunID)
            .where(runs.c.RunID == shop["running"], run_events.c.Detail == "cancel requested")
        ).one()
    )
    assert tuple(found) == ("grace", "grace")


def test_a_rerun_from_failed_is_asked_for_and_leads_to_its_request(
    tab: Page, database: Database, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs/{shop['failed']}")

    tab.get_by_role("link", name="Rerun from failed").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text(f"landfall runs rerun {shop['failed']} --from-failed")
    dialog.get_by_role("button", name="Rerun from failed").click()

    expect(tab).to_have_url(re.compile("/console/requests/"))
    expect(tab.locator("main")).to_contain_text("sales/orders")
    query = sa.select(run_requests.c.Parameters).where(run_requests.c.Trigger == "rerun")
    asked: dict[str, Any] = database.read(lambda c: c.execute(query).scalar_one())
    assert asked["rerun"] | {"run_id": shop["failed"], "from_failed": True} == asked["rerun"]


def test_a_bulk_rerun_shows_what_it_would_do_and_then_what_it_did(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs?state=failed")

    tab.get_by_role("link", name="Rerun these").click()
    expect(tab.locator("tbody tr")).to_contain_text(shop["failed"])
    tab.get_by_role("button", name="Rerun 1").click()

    expect(tab.locator("h1")).to_have_text("1 run asked for again")


def test_the_search_opens_by_a_key_and_goes_where_enter_says(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs")

    tab.keyboard.press("/")
    tab.keyboard.type(shop["succeeded"][:16])
    expect(tab.get_by_role("dialog").get_by_role("option").first).to_contain_text(shop["succeeded"])
    tab.keyboard.press("Enter")

    expect(tab).to_have_url(re.compile(f"/console/runs/{shop['succeeded']}"))


def test_times_are_those_of_the_viewer_with_utc_beside(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console/runs/{shop['succeeded']}")

    shown = tab.locator("main time").first
    expect(shown).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    utc, local = shown.get_attribute("title"), shown.inner_text()
    assert utc is not None
    berlin = datetime.fromisoformat(local) - datetime.fromisoformat(utc.removesuffix(" UTC"))
    assert berlin.total_seconds() in {3600, 7200}


def test_a_button_copies_the_command(tab: Page, served: Served, shop: dict[str, RunID]) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{served.url}/console/runs/{shop['failed']}/replay")

    tab.get_by_role("button", name="Copy the command").click()

    expect(tab.locator("#said")).to_have_text("Copied.")
    assert tab.evaluate("navigator.clipboard.readText()") == f"landfall runs replay {shop['failed']}"


def test_acts_work_without_scripts(browser: Browser, served: Served, shop: dict[str, RunID]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(f"{served.url}/console/runs/{shop['failed']}")
    page.get_by_role("link", name="Replay").click()
    page.get_by_role("button", name="Replay").click()

    expect(page).to_have_url(re.compile("/console/requests/"))
    context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_of_runs_are_accessible_in_both_schemes(
    browser: Browser, served: Served, shop: dict[str, RunID], size: ViewportSize
) -> None:
    pages = [
        "runs",
        "runs/bulk?act=rerun",
        *(f"runs/{shop['failed']}?view={view}&node=clean_orders" for view in ("graph", "timeline", "nodes")),
        *(f"runs/{shop['failed']}?view={view}" for view in ("graph", "timeline", "rules", "files", "events")),
        f"runs/{shop['failed']}/rerun-failed",
        "search?q=orders",
        "runs/nothing",
    ]
    context = browser.new_context(viewport=size)
    page = context.new_page()
    found = []
    for path in pages:
        page.goto(f"{served.url}/console/{path}")
        found += faults_of(page)
    context.close()

    assert found == []


def test_by_keys_alone_a_failed_run_is_found_looked_into_and_rerun(
    tab: Page, served: Served, shop: dict[str, RunID]
) -> None:
    tab.goto(f"{served.url}/console")

    _tab_to(tab, tab.locator("main").get_by_role("link", name="sales/orders").first)
    tab.keyboard.press("Enter")
    _tab_to(tab, tab.get_by_role("region", name="1 node failed").get_by_role("link", name="clean_orders"))
    tab.keyboard.press("Enter")
    drawer = tab.get_by_role("complementary")
    expect(drawer).to_be_focused()
    expect(drawer).to_contain_text("order_id=90211")
    _tab_to(tab, drawer.get_by_role("link", name="Rerun from failed"))
    tab.keyboard.press("Enter")
    dialog = tab.get_by_role("dialog")
    _tab_to(tab, dialog.get_by_role("button", name="Rerun from failed"))
    tab.keyboard.press("Enter")

    expect(tab).to_have_url(re.compile("/console/requests/"))


def test_a_phone_shows_the_node_that_failed_at_once(
    browser: Browser, served: Served, shop: dict[str, RunID]
) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()

    page.goto(f"{served.url}/console/runs/{shop['failed']}")

    expect(page.get_by_role("link", name="clean_orders, silver, failed")).to_be_in_viewport(ratio=0.9)
    context.close()


def test_a_page_says_for_as_long_as_it_is_so_that_the_server_does_not_answer(
    browser: Browser, served: Served, shop: dict[str, RunID]
) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{served.url}/console/runs/{shop['running']}")

    context.set_offline(True)
    expect(page.locator("#stale")).to_have_text(
        re.compile(r"^No answer since \d\d:\d\d:\d\d$"), timeout=60_000
    )
    context.set_offline(False)

    expect(page.locator("#stale")).to_be_hidden(timeout=60_000)
    context.close()


def test_logs_that_are_open_stay_while_the_page_goes_on(
    tab: Page, database: Database, served: Served, shop: dict[str, RunID]
) -> None:
    job_run_id = served.jobs.submit("spec", token=IdempotencyToken("logs"), run_name="logs", timeout_s=60)
    served.jobs.end(job_run_id, output=JobOutput(error=None, error_trace=None, logs="read 48,210 rows"))
    clean_orders = (node_runs.c.RunID == shop["running"], node_runs.c.NodeKey == "clean_orders")
    database.transact(
        lambda c: c.execute(sa.update(node_runs).where(*clean_orders).values(JobRunID=job_run_id))
    )
    tab.goto(f"{served.url}/console/runs/{shop['running']}?node=clean_orders")
    tab.get_by_text("Logs of its job").click()
    logs = tab.locator("[data-load]")
    expect(logs).to_contain_text("read 48,210 rows")

    # What the page shows of the run changes, and with it all that is not filled in.
    database.transact(
        lambda c: c.execute(
            sa.insert(run_events).values(
                RunID=shop["running"],
                ToState="running",
                Actor="grace",
                Detail="looked at",
                OccurredAt=datetime.now(UTC),
            )
        )
    )
    tab.wait_for_event(
        "response", lambda answer: "/runs/" in answer.url and answer.status == 200, timeout=60_000
    )

    tab.wait_for_event("response", lambda answer: answer.status == 304, timeout=60_000)
    expect(logs).to_contain_text("read 48,210 rows")


def _tab_to(tab: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(60):
        tab.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")
