"""From a file to the rows that were refused of it, and what is done with them, over a real lake."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from deltalake import write_deltalake
from playwright.sync_api import Browser, Page, expect

from landfall.addresses import LAKE, abfss_uri, quarantine_path
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests
from landfall.preview import storage_options
from landfall.settings import Settings
from tests.console import busy_house
from tests.console.busy_house import FILE, INGEST, LANDED, PRODUCT, House
from tests.console.conftest import DESKTOP, PHONE
from tests.console.serving import Served, serving
from tests.databases import a_database
from tests.integration.local.conftest import emulator  # noqa: F401 a fixture
from tests.loopback import Emulator

NOW = datetime.now(UTC).replace(microsecond=0)
SERIOUS = {"serious", "critical"}
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


def write_refused_rows(settings: Settings, house: House) -> None:
    """Write the quarantine table of the landed orders as the Spark runtime does."""
    rows = [
        {
            "_run_id": house.refusing,
            "_node": INGEST,
            "_attempt": 1,
            "_dataset": LANDED,
            "_rules": ["order_id_known"] if number % 3 == 0 else ["amount_in_range"],
            "_rule_versions": ["9f2c"],
            "_warnings": [],
            "_reason": "order_id is null" if number % 3 == 0 else "amount is not between 0 and 100,000",
            "_source_file": f"abfss://landing@acc.dfs.core.windows.net/{PRODUCT}/{LANDED}/{FILE}",
            "_line": 200 + number,
            "_row": json.dumps({"order_id": 90000 + number, "customer": f"C-{number}", "amount": "-12.50"}),
            "_quarantined_at": NOW,
            "_state": "held",
            "_ended_run": None,
            "_ended_at": None,
            "_ended_by": None,
            "_ended_reason": None,
        }
        for number in range(ROWS)
    ]
    texts, names = pa.string(), pa.list_(pa.string())
    kinds: dict[str, Any] = dict.fromkeys(rows[0], texts) | dict.fromkeys(
        ("_rules", "_rule_versions", "_warnings"), names
    )
    kinds |= {"_attempt": pa.int32(), "_line": pa.int64()}
    kinds |= dict.fromkeys(("_quarantined_at", "_ended_at"), pa.timestamp("us", tz="UTC"))
    domain, _, name = PRODUCT.partition("/")
    write_deltalake(
        abfss_uri(settings.storage_account, LAKE, quarantine_path(domain, name, LANDED)),
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


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_in_quarantine(
    browser: Browser, served: Served, size: dict[str, int], scheme: str
) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
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
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{path} is wide")
        report = Axe().run(page).response["violations"]
        found += [
            f"{path}: {item['id']} {item['nodes'][0]['html'][:120]}"
            for item in report
            if item["impact"] in SERIOUS
        ]
    context.close()

    assert found == []


def _asked(database: Database) -> list[dict[str, Any]]:
    query = sa.select(run_requests.c.Parameters).where(run_requests.c.Trigger == "quarantine")
    rows = database.read(lambda c: c.execute(query.order_by(run_requests.c.RequestedAt)).all())
    return [row.Parameters["quarantine"] for row in rows]
