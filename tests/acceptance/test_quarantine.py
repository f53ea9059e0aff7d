"""Refused rows through the whole stack: seen, judged again after the rule was mended, or given up with a reason."""

import json
import re
import signal
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.laptop import Laptop
from tests.console.conftest import browser, tab  # noqa: F401 fixtures
from tests.loopback import PATIENCE_S

pytestmark = pytest.mark.stack

PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-data, email: sales-data@contoso.example}
description: Orders of the shop.
sources:
  - {name: shop, type: file, format: csv, options: {header: true}}
datasets:
  - name: orders_landed
    source: shop
    landing: {path: "orders/*.csv"}
    layer: bronze
    columns: [{name: id, type: int, nullable: false}, {name: amount, type: "decimal(8,2)"}]
    quality:
      - {name: amount_known, check: range, column: amount, min: 0, severity: quarantine}
  - name: totals
    layer: gold
transformations:
  - name: build_totals
    inputs: [orders_landed]
    steps: [{aggregate: {by: [], measures: {orders: count(*), total: sum(amount)}}}]
    output: {dataset: totals, layer: gold}
run: {settle: 100ms, retries: 1, retry_delay: 100ms}
"""
MENDED = PRODUCT.replace("min: 0,", "min: -10,")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("quarantine"), "sales/orders", PRODUCT)
    yield laptop
    laptop.stop()


def test_refused_rows_are_published_once_after_their_rule_was_mended(laptop: Laptop) -> None:
    laptop.upload("sales/orders/orders/a.csv", b"id,amount\n1,5.00\n2,-1.00\n3,-99.00\nx,1.00\n")
    assert laptop.ended_run(after=0).run.state == "succeeded"
    (row,) = [row for row in told(laptop, "list") if row["rule"] == "amount_known"]
    assert (row["product"], row["dataset"], row["rows_held"], row["share"]) == (
        "sales/orders",
        "orders_landed",
        2,
        0.5,
    )
    rows = told(laptop, "show", "orders_landed", "--rule", "amount_known")
    assert [(row["row"], row["line"]) for row in rows] == [
        ({"id": "2", "amount": "-1.00"}, 3),
        ({"id": "3", "amount": "-99.00"}, 4),
    ]

    apply(laptop, MENDED)
    dry = laptop.succeed("quarantine", "replay", "orders_landed", "--dry-run", "--output", "json")
    assert json.loads(dry)["by_rule"] == {"amount_known": 2, "type:id": 1}
    laptop.succeed("quarantine", "replay", "orders_landed", "--yes", "--timeout", "90")

    detail = laptop.last_run()
    assert (detail.run.trigger, [node.key for node in detail.nodes]) == (
        "quarantine",
        ["ingest.orders_landed", "build_totals"],
    )
    assert ids(laptop) == [1, 2]
    (totals,) = laptop.rows("sales/orders/gold/totals")
    assert (totals["orders"], str(totals["total"])) == (2, "4.00")
    (released,) = told(laptop, "show", "orders_landed", "--state", "released")
    assert (released["row"]["id"], released["ended_run"]) == ("2", detail.run.run_id)


def test_a_worker_killed_at_work_releases_no_row_twice(laptop: Laptop) -> None:
    before = len(laptop.runs())
    apply(laptop, MENDED.replace("min: -10,", "min: -100,"))
    laptop.succeed("quarantine", "replay", "orders_landed", "--rule", "amount_known", "--yes", "--no-wait")
    laptop.wait_for(lambda: at_work(laptop, before), "the job of the release")
    laptop.kill("jobs", signal.SIGKILL)

    detail = laptop.ended_run(after=before)

    assert detail.run.state == "succeeded"
    assert ids(laptop) == [1, 2, 3]
    (totals,) = laptop.rows("sales/orders/gold/totals")
    assert (totals["orders"], str(totals["total"])) == (3, "-95.00")


def test_rows_given_up_stay_with_the_reason_and_its_author(laptop: Laptop) -> None:
    refused = laptop.run("quarantine", "discard", "orders_landed", "--reason", "not ours")
    assert refused.returncode == 2

    laptop.succeed(
        "quarantine", "discard", "orders_landed", "--file", "a.csv", "--reason", "not ours", "--yes"
    )

    assert told(laptop, "show", "orders_landed") == []
    (row,) = told(laptop, "show", "orders_landed", "--state", "discarded")
    assert (row["rules"], row["ended_reason"]) == (["type:id"], "not ours")
    assert row["ended_by"]
    assert ids(laptop) == [1, 2, 3]


def test_refused_rows_are_released_once_from_the_console_the_api_and_the_command(
    laptop: Laptop,
    tab: Page,  # noqa: F811 the fixture
) -> None:
    tab.set_default_timeout(PATIENCE_S * 1000)
    before = ids(laptop)
    # One row refused in each of three files, and one file that has nothing to do with it.
    for number, name in ((11, "console.csv"), (12, "api.csv"), (13, "command.csv")):
        runs = len(laptop.runs())
        laptop.upload(f"sales/orders/orders/{name}", f"id,amount\n{number},-500.00\n".encode())
        assert laptop.ended_run(after=runs).run.state == "succeeded"
    apply(laptop, MENDED.replace("min: -10,", "min: -1000,"))
    assert ids(laptop) == before

    runs = len(laptop.runs())
    tab.goto(f"{laptop.url}/console/quarantine?product=sales/orders")
    held = tab.get_by_role("region", name="Quarantine by rule")
    held.locator("tr", has_text="amount_known").get_by_role("link", name="orders_landed").click()
    tab.get_by_role("searchbox", name="File").fill("console.csv")
    expect(tab.locator("main")).to_contain_text("1 row held that meet the filter")
    tab.get_by_role("link", name="Judge again").click()
    tab.get_by_role("dialog").get_by_role("button", name="Judge them again").click()
    # The request leads to the run that answers it, and its page goes on by itself to the end.
    expect(tab).to_have_url(re.compile("/console/runs/"), timeout=PATIENCE_S * 1000)
    expect(tab.locator("h1 + .badge, .head .badge").first).to_contain_text(
        "succeeded", timeout=PATIENCE_S * 1000
    )
    laptop.ended_run(after=runs)
    assert ids(laptop) == [*before, 11]
    tab.goto(f"{laptop.url}/console/quarantine/sales/orders/orders_landed?state=released&file=console.csv")
    expect(tab.get_by_role("region", name="Refused rows").locator("tbody > tr")).to_have_count(1)

    runs = len(laptop.runs())
    body = json.dumps({"dataset": "orders_landed", "files": ["api.csv"]}).encode()
    url = f"{laptop.url}/api/products/sales/orders/quarantine/replay"
    asked = Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - loopback
    with urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310
        location = answer.headers["Location"]
    assert laptop.ended_run(after=runs).run.state == "succeeded"
    with urlopen(location, timeout=PATIENCE_S) as answer:  # noqa: S310
        assert (answer.status, json.load(answer)["state"]) == (200, "succeeded")

    laptop.succeed(
        "quarantine", "replay", "orders_landed", "--file", "command.csv", "--yes", "--timeout", "90"
    )
    assert ids(laptop) == [*before, 11, 12, 13]

    # Asked once more of everything, nothing is left to be published a second time.
    laptop.succeed("quarantine", "replay", "orders_landed", "--yes", "--timeout", "90")
    assert ids(laptop) == [*before, 11, 12, 13]
    assert {row["ended_by"] for row in told(laptop, "show", "orders_landed", "--state", "released")} != {None}


def at_work(laptop: Laptop, before: int) -> bool:
    if len(laptop.runs()) == before:
        return False
    # A quick job may have ended before anybody looks; then the death must change nothing.
    return laptop.last_run().nodes[0].state not in {"waiting", "ready"}


def told(laptop: Laptop, *arguments: str) -> Any:
    return json.loads(laptop.succeed("quarantine", *arguments, "--output", "json"))


def ids(laptop: Laptop) -> list[int]:
    return sorted(row["id"] for row in laptop.rows("sales/orders/bronze/orders_landed"))


def apply(laptop: Laptop, spec: str) -> None:
    (laptop.project / "data_products" / "sales/orders" / "product.yml").write_text(spec)
    laptop.succeed("apply")
