"""From a file to the rows that were refused of it, and what is done with them, over a real lake."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import write_deltalake
from playwright.sync_api import Browser, Page, ViewportSize, expect

from landfall.addresses import LAKE, abfss_uri, quarantine_path
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests
from landfall.preview import storage_options
from landfall.quarantine import COLUMNS, read_rows
from landfall.runs.held_rows import RefusedRow, RowOrder
from landfall.runs.quarantining import HeldRows
from landfall.settings import Settings
from spark_runtime.quarantine import QUARANTINE_TYPES
from tests.console import busy_house
from tests.console.busy_house import FILE, INGEST, LANDED, PRODUCT, House
from tests.console.conftest import DESKTOP, PHONE
from tests.console.looking import faults_of
from tests.console.serving import Served, serving
from tests.databases import a_database
from tests.integration.local.conftest import emulator  # noqa: F401 a fixture
from tests.loopback import PATIENCE_S, Emulator

NOW = datetime.now(UTC).replace(microsecond=0)
ROWS = 17


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return a_database(tmp_path_factory.mktemp("quarantine"))


@pytest.fixture(scope="module")
def house(database: Database) -> House:
    # Without the failed run, so that the newest run is the one that refused rows.
    return busy_house.fill(database, now=NOW, failing_run=False)


@pytest.fixture(scope="module")
def served(database: Database, house: House, emulator: Emulator) -> Iterator[Served]:  # noqa: F811 the fixture
    settings = emulator.settings()
    write_refused_rows(settings, house)
    with serving(database, settings=settings) as served:
        yield served


def write_refused_rows(
    settings: Settings, house: House, dataset: str = LANDED, *, from_file: bool = True, alike: int = 1
) -> None:
    """Write the quarantine table of a dataset as the Spark runtime does.

    Args:
        from_file: Whether the rows were read from a file, and so have a place.
        alike: How often each row is there.
    """
    rows = [
        {
            "_run_id": house.refusing,
            "_node": INGEST,
            "_attempt": 1,
            "_dataset": dataset,
            "_rules": ["order_id_known"] if number % 3 == 0 else ["amount_in_range"],
            "_rule_versions": ["9f2c"],
            "_warnings": [],
            "_reason": "order_id is null" if number % 3 == 0 else "amount is not between 0 and 100,000",
            "_source_file": None
            if not from_file
            else f"abfss://landing@acc.dfs.core.windows.net/{PRODUCT}/{LANDED}/{FILE}",
            "_line": 200 + number if from_file else None,
            "_row": json.dumps({"order_id": 90000 + number, "customer": f"C-{number}", "amount": "-12.50"}),
            "_quarantined_at": NOW,
            "_state": "held",
            "_ended_run": None,
            "_ended_at": None,
            "_ended_by": None,
            "_ended_reason": None,
        }
        for number in range(ROWS)
        for _ in range(alike)
    ]
    texts, names = pa.string(), pa.list_(pa.string())
    kinds: dict[str, Any] = dict.fromkeys(rows[0], texts) | dict.fromkeys(
        ("_rules", "_rule_versions", "_warnings"), names
    )
    kinds |= {"_attempt": pa.int32(), "_line": pa.int64()}
    kinds |= dict.fromkeys(("_quarantined_at", "_ended_at"), pa.timestamp("us", tz="UTC"))
    domain, _, name = PRODUCT.partition("/")
    write_deltalake(
        abfss_uri(settings.storage_account, LAKE, quarantine_path(domain, name, dataset)),
        pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))),
        storage_options=storage_options(settings),
    )


def test_from_a_file_name_to_the_failing_rows_in_four_clicks(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console")

    tab.get_by_role("link", name="Files", exact=True).click()
    tab.get_by_label("File name").fill(FILE)
    expect(tab.locator("tbody tr")).to_have_count(2)
    tab.get_by_role("link", name=FILE).first.click()
    tab.get_by_role("link", name=f"{ROWS} rows").click()

    rows = tab.get_by_role("region", name="Refused rows")
    expect(rows.locator("tbody > tr")).to_have_count(ROWS)
    expect(rows).to_contain_text("amount is not between 0 and 100,000")
    expect(rows).to_contain_text("line 216")
    expect(rows).to_contain_text("C-16")


def test_rows_are_narrowed_to_a_rule(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/console/quarantine?product={PRODUCT}")
    held = tab.get_by_role("region", name="Quarantine by rule")
    expect(held.locator("tbody tr")).to_have_count(2)

    held.locator("tr", has_text="order_id_known").get_by_role("link", name=LANDED).click()

    expect(tab.get_by_role("region", name="Refused rows").locator("tbody > tr")).to_have_count(6)
    expect(tab.locator("main")).to_contain_text("6 rows held that meet the filter")


@pytest.mark.parametrize("order", list(RowOrder))
def test_pages_of_rows_lose_none_and_show_none_twice_even_of_rows_that_are_alike(
    database: Database,
    emulator: Emulator,  # noqa: F811 the fixture
    house: House,
    order: RowOrder,
) -> None:
    settings = emulator.settings()
    write_refused_rows(settings, house, f"twins_{order}", from_file=False, alike=3)

    def pages(limit: int) -> Iterator[tuple[RefusedRow, ...]]:
        cursor = None
        while True:
            page = read_rows(
                database,
                settings,
                PRODUCT,
                HeldRows(f"twins_{order}"),
                order=order,
                limit=limit,
                cursor=cursor,
            )
            yield page.items
            cursor = page.following
            if cursor is None:
                return

    (whole,) = pages(500)
    parts = list(pages(7))

    assert (len(whole), [len(part) for part in parts]) == (3 * ROWS, [7] * 7 + [2])
    assert [row for part in parts for row in part] == list(whole)


def test_rows_are_paged_and_a_cursor_of_another_order_is_refused(served: Served) -> None:
    url = f"{served.url}/api/products/{PRODUCT}/quarantine/{LANDED}/rows"

    def ask(query: str) -> dict[str, Any]:
        with urlopen(f"{url}?{query}", timeout=PATIENCE_S) as answer:  # noqa: S310 - loopback
            return dict(json.load(answer))

    first = ask("limit=10&order=newest")
    second = ask(f"limit=10&order=newest&cursor={first['following']}")

    lines = [row["line"] for row in (*first["rows"], *second["rows"])]
    assert (lines, second["following"]) == (sorted(range(200, 200 + ROWS), reverse=True), None)
    with pytest.raises(HTTPError) as refused:
        ask(f"order=oldest&cursor={first['following']}")
    assert refused.value.code == 400


def test_refused_rows_are_judged_again(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/quarantine/{PRODUCT}/{LANDED}?rule=order_id_known")

    tab.get_by_role("link", name="Judge again").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("6 rows held are judged again")
    expect(dialog).to_contain_text(f"landfall quarantine replay {PRODUCT}.{LANDED} --rule order_id_known")
    dialog.get_by_role("button", name="Judge them again").click()

    expect(tab).to_have_url(re.compile("/console/requests/"))
    asked = _asked(database)[-1]
    assert (asked["act"], asked["rows"]["dataset"], asked["rows"]["rules"]) == (
        "replay",
        LANDED,
        ["order_id_known"],
    )


def test_giving_rows_up_needs_a_reason(tab: Page, database: Database, served: Served) -> None:
    tab.goto(f"{served.url}/console/quarantine/{PRODUCT}/{LANDED}")
    tab.get_by_role("link", name="Discard").click()
    dialog = tab.get_by_role("dialog")

    dialog.get_by_role("button", name="Discard them").click()
    # The browser asks for the field that is required, and sends nothing.
    expect(dialog.get_by_label("Why")).to_be_focused()
    dialog.get_by_label("Why").fill("test orders of the vendor")
    dialog.get_by_role("button", name="Discard them").click()

    expect(tab).to_have_url(re.compile("/console/requests/"))
    asked = _asked(database)[-1]
    assert (asked["act"], asked["reason"]) == ("discard", "test orders of the vendor")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_quarantine_is_accessible_in_both_schemes(
    browser: Browser, served: Served, size: ViewportSize
) -> None:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    found = []
    paths = (
        f"?product={PRODUCT}",
        f"/{PRODUCT}/{LANDED}",
        f"/{PRODUCT}/{LANDED}/discard",
        f"/{PRODUCT}/orders",
    )
    for path in paths:
        page.goto(f"{served.url}/console/quarantine{path}")
        found += faults_of(page)
    context.close()

    assert found == []


def test_on_a_phone_a_file_leads_to_its_refused_rows_without_scrolling_sideways(
    browser: Browser, served: Served, house: House
) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{served.url}/console/files?q={FILE}")
    page.get_by_role("link", name=FILE).first.click()

    refused = page.get_by_role("link", name=f"{ROWS} rows")
    expect(refused).to_be_in_viewport(ratio=1)
    refused.click()
    page.locator("summary").first.click()

    row = page.get_by_role("region", name="Refused rows").locator("tbody > tr").first
    for told in ("order_id_known, version 9f2c", f"{FILE}, line 200", f"attempt 1 of run {house.refusing}"):
        expect(row).to_contain_text(told)
    context.close()


def test_a_quarantine_of_another_version_is_told_with_the_way_out(
    tab: Page,
    served: Served,
    emulator: Emulator,  # noqa: F811 the fixture
) -> None:
    domain, _, name = PRODUCT.partition("/")
    settings = emulator.settings()
    write_deltalake(
        abfss_uri(settings.storage_account, LAKE, quarantine_path(domain, name, "revenue_by_day")),
        pa.table({"_run_id": ["r0"], "_rules": [["old"]]}),
        storage_options=storage_options(settings),
    )

    answer = tab.context.request.get(f"{served.url}/console/quarantine/{PRODUCT}/revenue_by_day")

    assert answer.status == 409
    assert "LF4104" in answer.text()
    assert "delete the folder .landfall" in answer.text()


def test_the_lake_is_asked_for_the_columns_that_the_runtime_writes() -> None:
    assert frozenset(QUARANTINE_TYPES) == COLUMNS


def _asked(database: Database) -> list[dict[str, Any]]:
    query = sa.select(run_requests.c.Parameters).where(run_requests.c.Trigger == "quarantine")
    rows = database.read(lambda c: c.execute(query.order_by(run_requests.c.RequestedAt)).all())
    return [row.Parameters["quarantine"] for row in rows]
