"""What operators do, on the whole stack: replay, rerun, pause, resume, and asking why."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.laptop import Laptop

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
    columns: [{name: id, type: int, nullable: false}]
  - name: orders
    layer: silver
    quality:
      - {name: id_low, check: range, column: id, max: 100, severity: fail}
transformations:
  - name: build_orders
    inputs: [orders_landed]
    steps: [{select: [id]}]
    output: {dataset: orders, layer: silver}
run: {settle: 100ms, retries: 0}
"""
RETURNS = """\
  - name: returns_landed
    source: shop
    landing: {path: "returns/*.csv"}
    layer: bronze
    columns: [{name: id, type: int, nullable: false}]
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("operating"), "sales/orders", PRODUCT)
    yield laptop
    laptop.stop()


def test_a_failed_run_goes_on_from_its_failure_on_the_corrected_metadata(laptop: Laptop) -> None:
    laptop.upload("sales/orders/orders/high.csv", b"id\n500\n")
    assert laptop.ended_run(after=0).run.state == "failed"
    cause = json.loads(laptop.succeed("why", "@last", "--output", "json"))[0]
    assert (cause["about"], cause["cause"]) == ("node build_orders", "quality_gate")

    _apply(laptop, PRODUCT.replace("max: 100", "max: 1000"))
    laptop.succeed("runs", "rerun", "@last", "--from-failed", "--newest", "--timeout", "90")

    detail = laptop.last_run()
    assert ([node.key for node in detail.nodes], detail.run.metadata_version) == (["build_orders"], 2)
    assert _ids(laptop, "bronze/orders_landed") == _ids(laptop, "silver/orders") == [500]


def test_files_without_a_dataset_are_taken_in_once_there_is_one(laptop: Laptop) -> None:
    laptop.upload("sales/orders/returns/early.csv", b"id\n7\n")
    assert laptop.file("early.csv").state == "unmatched"
    before = len(laptop.runs())

    _apply(
        laptop,
        PRODUCT.replace("max: 100", "max: 1000").replace(
            "  - name: orders\n", RETURNS + "  - name: orders\n"
        ),
    )
    laptop.succeed("files", "replay", "--state", "unmatched", "--product", "sales/orders", "--yes")

    assert laptop.ended_run(after=before).run.state == "succeeded"
    assert laptop.file("early.csv").state == "done"
    assert _ids(laptop, "bronze/returns_landed") == [7]


def test_a_paused_product_takes_up_what_waited_when_it_is_resumed(laptop: Laptop) -> None:
    before = len(laptop.runs())
    laptop.succeed("pause", "sales/orders", "--reason", "maintenance")
    laptop.upload("sales/orders/orders/waiting.csv", b"id\n8\n")
    laptop.wait_for(
        lambda: "waiting.csv" in laptop.succeed("files", "list", "--state", "pending"),
        "the file in the ledger",
    )

    why = laptop.succeed("why", "waiting.csv")
    assert "is paused by" in why
    assert len(laptop.runs()) == before
    laptop.succeed("resume", "sales/orders")

    assert laptop.ended_run(after=before).run.state == "succeeded"
    assert _ids(laptop, "silver/orders") == [8, 500]


def test_a_replayed_run_gives_the_rows_it_gave(laptop: Laptop) -> None:
    before = len(laptop.runs())
    laptop.upload("sales/orders/orders/again.csv", b"id\n9\nx\n")
    former = laptop.ended_run(after=before).run
    rows = _all_rows(laptop)

    # What is applied now would refuse the rows that the former run published.
    _apply(laptop, PRODUCT.replace("max: 100", "max: 1"))
    laptop.succeed("runs", "replay", former.run_id, "--timeout", "90")

    replay = laptop.last_run().run
    assert (replay.trigger, replay.rerun_of, replay.state) == ("replay", former.run_id, "succeeded")
    assert replay.metadata_version == former.metadata_version
    assert _all_rows(laptop) == rows
    assert len(rows["quarantine"]) == 1


def test_a_backfill_takes_everything_in_again_and_doubles_nothing(laptop: Laptop) -> None:
    _apply(laptop, PRODUCT.replace("max: 100", "max: 10000"))
    rows = _all_rows(laptop)
    files = json.loads(laptop.succeed("files", "list", "-o", "json"))
    first, last = min(file["file_id"] for file in files), max(file["file_id"] for file in files)
    arguments = ("sales/orders", "--from", str(first), "--to", str(last), "--datasets", "orders_landed")

    would = json.loads(laptop.succeed("backfill", *arguments, "--chunk", "2", "--dry-run", "-o", "json"))
    asked = json.loads(laptop.succeed("backfill", *arguments, "--chunk", "2", "-o", "json"))
    laptop.wait_for(
        lambda: _backfill(laptop, asked["backfill_id"])["state"] not in {"running"}, "the end of the backfill"
    )

    shown = _backfill(laptop, asked["backfill_id"])
    assert (shown["state"], shown["files_done"], would["files"]) == ("done", asked["files"], asked["files"])
    assert _all_rows(laptop) == rows


def _backfill(laptop: Laptop, backfill_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(laptop.succeed("backfills", "show", backfill_id, "-o", "json"))
    return shown


def _all_rows(laptop: Laptop) -> dict[str, list[Any]]:
    """Return what is in the tables, but for what tells runs apart."""
    return {
        "bronze": _ids(laptop, "bronze/orders_landed"),
        "silver": _ids(laptop, "silver/orders"),
        "quarantine": sorted(row["_row"] for row in laptop.rows("quarantine/sales/orders/orders_landed")),
    }


def _apply(laptop: Laptop, spec: str) -> None:
    (laptop.project / "data_products" / "sales" / "orders" / "product.yml").write_text(spec)
    laptop.succeed("apply")


def _ids(laptop: Laptop, table: str) -> list[int]:
    return sorted(row["id"] for row in laptop.rows(f"sales/orders/{table}"))
