"""What operators do, on the whole stack: replay, rerun, pause, resume, and asking why."""

import json
from collections.abc import Iterator

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
    assert (cause["about"], cause["cause"]) == ("node build_orders", "failed")

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
    laptop.succeed("files", "replay", "--state", "unmatched", "--product", "sales/orders")

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


def _apply(laptop: Laptop, spec: str) -> None:
    (laptop.project / "data_products" / "sales" / "orders" / "product.yml").write_text(spec)
    laptop.succeed("apply")


def _ids(laptop: Laptop, table: str) -> list[int]:
    return sorted(row["id"] for row in laptop.rows(f"sales/orders/{table}"))
