"""A run of ten thousand nodes in a real browser: it opens collapsed, opens on demand and keeps its place."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.journal import change_node
from landfall.runs.states import NodeState
from tests.console import seeding
from tests.console.large_run import AT_WORK, FAILED, NODES, write_large_run
from tests.console.serving import Served, serving
from tests.databases import a_database

NOW = datetime.now(UTC).replace(microsecond=0)
RUN = RunID("20260131-120000-000000aa")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = a_database(tmp_path_factory.mktemp("large"))
    seeding.apply(database, seeding.SHOP, now=NOW - timedelta(days=1))
    database.transact(lambda c: write_large_run(c, RUN, product_id=1, now=NOW))
    return database


@pytest.fixture(scope="module")
def served(database: Database) -> Iterator[Served]:
    with serving(database) as served:
        yield served


def test_a_run_of_ten_thousand_nodes_opens_layer_by_layer_and_keeps_its_place(
    tab: Page, database: Database, served: Served
) -> None:
    tab.goto(f"{served.url}/console/runs/{RUN}")
    boxes = tab.locator("svg.graph > a")
    expect(boxes).to_have_count(3)

    tab.get_by_role("link", name="Open silver").click()
    expect(tab.get_by_role("link", name="Open silver, steps").first).to_be_visible()
    tab.get_by_role("region", name="5 nodes failed").get_by_role("link", name="silver_3500").click()
    drawer = tab.get_by_role("complementary")
    expect(drawer).to_contain_text("id_known refused 312 of 48,210 rows")
    before = boxes.count()
    tab.evaluate("document.querySelector('.graph-box').scrollLeft = 150")
    place = tab.evaluate("document.querySelector('.graph-box').scrollLeft")

    at = datetime.now(UTC)
    database.transact(
        lambda c: change_node(c, RUN, AT_WORK, NodeState.FAILED, now=at, values={"FinishedAt": at})
    )

    expect(tab.get_by_role("heading", name="nodes failed")).to_have_text("6 nodes failed")
    assert boxes.count() == before
    expect(drawer).to_contain_text("id_known refused 312 of 48,210 rows")
    assert tab.evaluate("document.querySelector('.graph-box').scrollLeft") == place


def test_the_chosen_node_is_found_in_its_band(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console/runs/{RUN}?node={FAILED}")

    expect(tab.locator(f"#box-{FAILED}")).to_be_visible()
    expect(tab.locator("svg.graph > a.group").first).to_be_visible()


def test_a_timeline_of_thousands_goes_on_page_by_page(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console/runs/{RUN}?view=timeline&rows=all")
    rows = tab.locator(".timeline .row a")
    expect(rows).to_have_count(100)
    expect(rows.first).to_have_text("bronze_0")
    expect(tab.locator(".timeline .of-layer")).to_have_count(2)
    expect(tab.locator("main")).to_contain_text(f"100 nodes of {NODES // 3 * 2:,}")

    tab.get_by_role("link", name="Later starts").click()

    expect(rows.first).to_have_text("bronze_100")
