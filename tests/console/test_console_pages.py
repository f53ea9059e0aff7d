"""What operators do on the pages beside runs, in a real browser over the real application and a real database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, ViewportSize, expect

from landfall.landing.dead_letters import LetterState, get_dead_letters
from landfall.metadata.effective import values_of
from landfall.metadata.engine import Database
from landfall.metadata.tables import operator_acts, product_leases
from landfall.metadata.versions import list_versions
from tests.console import busy_house
from tests.console.busy_house import LANDED, PRODUCT, House
from tests.console.conftest import DESKTOP, PHONE
from tests.console.looking import faults_of, loose_tags
from tests.console.serving import Served, serving
from tests.databases import a_database

NOW = datetime.now(UTC).replace(microsecond=0)
PAGES = (
    "",
    "/products",
    f"/products/{PRODUCT}",
    f"/products/{PRODUCT}/run",
    "/datasets",
    f"/datasets/{PRODUCT}/{LANDED}",
    "/files",
    "/files/12",
    "/files/12/replay",
    "/quarantine",
    "/lineage",
    f"/lineage?of={PRODUCT}.orders",
    f"/lineage?of={PRODUCT}.revenue_by_day.revenue",
    "/backfills",
    "/backfills/BACKFILL",
    "/dead-events",
    "/dead-events/1",
    "/dead-events/1/discard",
    "/configuration",
    "/configuration/runs.retries",
    "/configuration/runs.retries/set",
    "/changes",
    f"/changes/{PRODUCT}/2",
    "/requests",
    "/audit",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return a_database(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def house(database: Database) -> House:
    return busy_house.fill(database, now=NOW)


@pytest.fixture(scope="module")
def served(database: Database, house: House) -> Iterator[Served]:
    with serving(database) as served:
        yield served


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_accessible_in_both_schemes(
    browser: Browser, served: Served, house: House, size: ViewportSize
) -> None:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    found = []
    for path in PAGES:
        answer = page.goto(f"{served.url}/console{path.replace('BACKFILL', house.backfill)}")
        assert answer is not None
        assert answer.status == 200, path
        found += faults_of(page) + [f"{path}: {fault}" for fault in loose_tags(answer.text())]
    context.close()

    assert found == []


def test_the_first_page_tells_what_needs_somebody(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console")

    for heading in (
        "Late",
        "Failed runs",
        "Rules that rows broke",
        "Dead events",
        "Files nobody took in",
        "Paused",
    ):
        expect(tab.get_by_role("heading", name=re.compile(f"^{heading}"))).to_be_visible()
    expect(tab.locator("main")).to_contain_text(f"{LANDED} 2026-01")
    tab.get_by_role("link", name="Event 1").click()
    expect(tab.locator("main")).to_contain_text("'eventType' is missing")


def test_a_file_is_found_by_its_name_and_tells_its_duplicates_and_refusals(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console/files")
    tab.get_by_label("File name").fill("orders_2026_01_31")
    expect(tab.locator("tbody tr")).to_have_count(2)

    tab.get_by_role("link", name=busy_house.FILE).first.click()

    versions = tab.get_by_role("region", name="Versions", exact=True)
    expect(versions.locator("tbody tr")).to_have_count(2)
    expect(versions).to_contain_text("2, 1 duplicate")
    expect(versions.get_by_role("link", name="17 rows")).to_be_visible()


def test_a_dead_event_is_replayed(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/dead-events/3")

    tab.get_by_role("link", name="Discard", exact=True).click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("landfall dead-letters discard 3")
    dialog.get_by_role("button", name="Discard").click()
    expect(tab.locator("h1")).to_contain_text("discarded")
    (letter,) = database.read(lambda c: get_dead_letters(c, [3]))
    assert (letter.state, letter.ended_by) == (LetterState.DISCARDED, "grace")

    # What still cannot be handled is dead again, with the reason.
    tab.goto(f"{served.url}/console/dead-events/1")
    tab.get_by_role("link", name="Replay", exact=True).click()
    tab.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(tab.locator("main")).to_contain_text("Event 1")
    expect(tab.get_by_role("dialog")).to_have_count(0)


def test_a_setting_is_set_and_set_back(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/configuration/runs.retries")
    tab.get_by_role("link", name="Set", exact=True).click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("Value", exact=True).fill("7")
    dialog.get_by_role("button", name="Set it").click()
    expect(tab.locator("tr.chosen")).to_contain_text("7")

    tab.get_by_role("link", name="Set back").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("counts again from now on: 3")
    expect(dialog).to_contain_text("landfall config rollback runs.retries")
    dialog.get_by_role("button", name="Set it back").click()

    expect(tab.locator("tr.chosen")).to_contain_text("3")
    versions = database.read(lambda c: values_of(c, "runs.retries"))
    assert [(version.value, version.set_by) for version in versions[-2:]] == [("7", "grace"), ("3", "grace")]


def test_a_value_that_a_setting_cannot_take_is_refused_with_what_it_takes(
    browser: Browser, served: Served
) -> None:
    # Not the tab that fails for every error: the browser logs the answer as one.
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{served.url}/console/configuration/limits.nodes/set")
    tab.get_by_label("Value", exact=True).fill("many")
    with tab.expect_response(lambda answer: answer.request.method == "POST") as answered:
        tab.get_by_role("button", name="Set it").click()

    assert answered.value.status == 400
    expect(tab.locator("main")).to_contain_text("it takes a whole number from 1 to 2,000")
    context.close()


def test_a_product_is_paused_and_resumed(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/products/{PRODUCT}")
    tab.get_by_role("link", name="Pause", exact=True).click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("Why").fill("the source sends doubles")
    dialog.get_by_role("button", name="Pause").click()
    expect(tab.locator("main")).to_contain_text("by grace: the source sends doubles")

    tab.get_by_role("link", name="Resume", exact=True).click()
    tab.get_by_role("dialog").get_by_role("button", name="Resume").click()

    expect(tab.get_by_role("link", name="Pause", exact=True)).to_be_visible()
    acts = database.read(
        lambda c: c.execute(
            sa.select(operator_acts.c.Act, operator_acts.c.Actor).where(
                operator_acts.c.DataProductID == 1, operator_acts.c.Act.in_(["pause", "resume"])
            )
        ).all()
    )
    assert [tuple(act) for act in acts] == [("pause", "grace"), ("resume", "grace")]
    of_shop = sa.select(product_leases.c.PausedAt).where(product_leases.c.DataProductID == 1)
    assert database.read(lambda c: c.execute(of_shop).scalar_one()) is None


def test_a_backfill_is_paused_and_cancelled(tab: Page, served: Served, house: House) -> None:
    tab.goto(f"{served.url}/console/backfills")
    tab.locator("tbody").get_by_role("link", name=PRODUCT).click()
    expect(tab.get_by_role("region", name="Chunks", exact=True).last.locator("tbody tr")).to_have_count(3)

    tab.get_by_role("link", name="Pause", exact=True).click()
    tab.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(tab.locator("h1")).to_contain_text("paused")
    tab.get_by_role("link", name="Cancel", exact=True).click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text(f"landfall backfills cancel {house.backfill}")
    dialog.get_by_role("button", name="Cancel the backfill").click()

    expect(tab.locator("h1")).to_contain_text("cancelled")
    expect(tab.locator("main")).to_contain_text("cancelled by grace")


def test_lineage_is_walked_by_its_boxes_and_columns(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console/lineage?of={PRODUCT}.orders")
    drawing = tab.get_by_role("region", name="Datasets and how data flows between them")
    for dataset in (LANDED, "orders", "revenue_by_day", "monthly_report"):
        expect(drawing.get_by_text(dataset, exact=True)).to_be_visible()

    drawing.get_by_role("link", name="revenue_by_day").click()
    expect(tab.locator("h1")).to_have_text("revenue_by_day")
    tab.get_by_role("link", name="revenue", exact=True).click()

    expect(tab.locator("h1")).to_have_text("revenue")
    expect(tab.get_by_role("region", name="Made of", exact=True)).to_contain_text(
        "orders.orders_landed.amount"
    )


def test_a_version_is_rolled_back(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/changes")
    tab.locator("tbody").get_by_role("link", name=PRODUCT).first.click()
    expect(tab.locator("main")).to_contain_text(f"datasets.{LANDED}.quality.placed_lately")

    tab.get_by_role("link", name="Roll back").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text(f"landfall rollback {PRODUCT}")
    dialog.get_by_role("button", name="Roll back").click()

    expect(tab.locator("h1")).to_contain_text("Version 3")
    newest = database.read(lambda c: list_versions(c, product=PRODUCT)).items[0]
    assert (newest.version, newest.restores, newest.applied_by) == (3, 1, "grace")


def test_what_was_done_stands_in_the_audit_log_and_leads_there(
    tab: Page, served: Served, house: House
) -> None:
    tab.goto(f"{served.url}/console/runs/{house.failed}/rerun")
    tab.get_by_role("button", name="Rerun", exact=True).click()
    expect(tab).to_have_url(re.compile("/console/requests/"))

    tab.get_by_role("link", name="Audit log").click()
    tab.locator("select[name=act]").select_option("run.rerun")
    row = tab.locator("tbody tr").first
    expect(row).to_contain_text("grace")
    row.get_by_role("link", name=house.failed).click()

    expect(tab.locator("h1")).to_contain_text(house.failed)
    tab.get_by_role("link", name="Requests", exact=True).click()
    tab.get_by_label("Asked for by").select_option("rerun")
    expect(tab.locator("tbody tr").first).to_contain_text("pending")


def test_an_address_without_a_page_says_so_on_a_page(tab: Page, served: Served) -> None:
    answer = tab.context.request.get(f"{served.url}/console/nothing/here")

    assert answer.status == 404
    assert "There is no page at" in answer.text()
