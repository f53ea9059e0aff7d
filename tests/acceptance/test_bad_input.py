"""Bad input gets a clear answer, and nothing of it is lost."""

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

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
    landing: {path: "orders/*"}
    layer: bronze
    columns:
      - {name: id, type: int, nullable: false}
      - {name: amount, type: "decimal(10,2)"}
      - {name: ordered_on, type: date}
run: {settle: 100ms, retries: 0}
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("bad"), "sales/orders", PRODUCT)
    yield laptop
    laptop.stop()


def _quarantined(laptop: Laptop, file: str) -> list[dict[str, object]]:
    rows = laptop.rows("quarantine/sales/orders/orders_landed")
    return [row for row in rows if str(row["_source_file"]).endswith(file)]


def _published(laptop: Laptop, file: str) -> list[int]:
    rows = laptop.rows("sales/orders/bronze/orders_landed")
    return sorted(row["id"] for row in rows if row["_source_file"].endswith(file))


def test_a_mistyped_value_sends_its_row_to_quarantine_with_the_reason(laptop: Laptop) -> None:
    laptop.upload(
        "sales/orders/orders/typed.csv",
        b"id,amount,ordered_on\n1,9.50,2026-01-01\n2,cheap,2026-01-02\n3,1.00,someday\n,1.00,2026-01-04\n",
    )

    assert laptop.file("typed.csv").state == "done"
    refused = _quarantined(laptop, "typed.csv")
    assert _published(laptop, "typed.csv") == [1]
    assert len(refused) == 3
    assert all(row["_reason"] and row["_row"] for row in refused)
    assert any("cheap" in str(row["_row"]) and "amount" in str(row["_reason"]) for row in refused)


def test_rows_with_missing_or_extra_fields_are_set_aside(laptop: Laptop) -> None:
    laptop.upload(
        "sales/orders/orders/ragged.csv",
        b"id,amount,ordered_on\n1,9.50,2026-01-01\n2,9.50\n3,9.50,2026-01-01,more\n4,1,2026-01-01\n",
    )

    assert laptop.file("ragged.csv").state == "done"
    assert _published(laptop, "ragged.csv") == [1, 4]
    assert len(_quarantined(laptop, "ragged.csv")) == 2


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("missing.csv", b"id,amount\n1,9.50\n2,9.50\n"),
        ("extra.csv", b"id,amount,ordered_on,by\n1,1,2026-01-01,a\n"),
    ],
)
def test_a_file_of_another_shape_is_set_aside_row_by_row(laptop: Laptop, name: str, header: bytes) -> None:
    laptop.upload(f"sales/orders/orders/{name}", header)

    laptop.file(name)
    refused = _quarantined(laptop, name)
    assert _published(laptop, name) == []
    assert len(refused) == header.count(b"\n") - 1
    assert all("ordered_on" in str(row["_reason"]) or "by" in str(row["_reason"]) for row in refused)


def test_columns_in_another_order_are_matched_by_name(laptop: Laptop) -> None:
    laptop.upload("sales/orders/orders/order.csv", b"ordered_on,id,amount\n2026-01-01,7,1.50\n")

    assert laptop.file("order.csv").state == "done"
    assert _published(laptop, "order.csv") == [7]


def test_a_truncated_archive_is_rejected_with_the_reason(laptop: Laptop) -> None:
    whole = gzip.compress(b"id,amount,ordered_on\n" + b"1,9.50,2026-01-01\n" * 5000)
    laptop.upload("sales/orders/orders/torn.csv.gz", whole[: len(whole) // 2])

    torn = laptop.file("torn.csv.gz")

    assert torn.state == "rejected"
    assert torn.reason
    assert _published(laptop, "torn.csv.gz") == []


def test_an_empty_file_is_rejected_with_the_reason(laptop: Laptop) -> None:
    laptop.upload("sales/orders/orders/empty.csv", b"")

    empty = laptop.file("empty.csv")

    assert empty.state == "rejected"
    assert "empty" in (empty.reason or "")


def test_a_file_that_no_dataset_expects_is_kept_as_unmatched(laptop: Laptop) -> None:
    laptop.upload("sales/orders/elsewhere/a.csv", b"id\n1\n")
    laptop.upload("nobody/knows/b.csv", b"id\n1\n")

    assert laptop.file("a.csv").state == "unmatched"
    assert laptop.file("b.csv").state == "unmatched"


def test_an_unknown_product_is_named_with_those_there_are(laptop: Laptop) -> None:
    done = laptop.run("run", "sales/oders")

    assert done.returncode == 1
    assert "sales/oders" in done.stderr
    assert "sales/orders" in done.stderr
    assert done.stdout == ""


def test_a_broken_product_file_is_refused_with_file_and_line(laptop: Laptop, tmp_path: Path) -> None:
    broken = tmp_path / "data_products" / "sales" / "orders" / "product.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(PRODUCT.replace("landing:", "lnading:"))
    (tmp_path / "landfall.yml").write_text((laptop.project / "landfall.yml").read_text())
    elsewhere = Laptop(tmp_path, laptop.ports)

    done = elsewhere.run("validate")

    assert done.returncode == 1
    assert "product.yml:11:" in done.stderr + done.stdout
    assert "landing" in done.stderr + done.stdout


def test_a_second_start_says_that_the_stack_runs(laptop: Laptop) -> None:
    before = laptop.pid("functions")

    done = laptop.run("up", *laptop.port_options())

    assert done.returncode == 0
    assert laptop.pid("functions") == before


def test_a_port_in_use_is_named_with_the_way_out(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "landfall.yml").write_text((laptop.project / "landfall.yml").read_text())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = Laptop(tmp_path, type(laptop.ports).free())

        done = other.run("up", *other.port_options(), "--blob-port", str(port))

    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--blob-port" in done.stderr
