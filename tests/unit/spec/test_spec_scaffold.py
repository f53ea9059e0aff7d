"""What `landfall init` writes."""

import csv
from pathlib import Path

import pytest

from landfall.spec.landing_patterns import pattern_problem
from landfall.spec.load import load_products
from landfall.spec.scaffold import NotAProductName, ProductExists, scaffold


def test_a_new_product_is_sound(tmp_path: Path) -> None:
    written = scaffold(tmp_path, "sales/orders")

    (product,) = load_products(tmp_path)
    assert product.key == "sales/orders"
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "landfall.yml",
        ".gitignore",
        "data_products/sales/orders/product.yml",
        "data_products/sales/orders/samples/orders.csv",
        "data_products/sales/orders/tests/orders.yml",
    }


def test_the_sample_has_the_columns_of_the_product_and_rows_to_refuse(tmp_path: Path) -> None:
    scaffold(tmp_path, "sales/orders")
    (product,) = load_products(tmp_path)
    landed = product.datasets[0]

    with (tmp_path / "data_products/sales/orders/samples/orders.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert list(rows[0]) == [column.name for column in landed.columns]
    assert landed.landing is not None
    assert pattern_problem(landed.landing) is None
    assert sum(not row["order_id"] for row in rows) == 1
    assert sum(row["amount"].startswith("-") for row in rows) == 1
    assert sum(not row["amount"].replace(".", "").lstrip("-").isdigit() for row in rows) == 1


def test_a_second_product_leaves_the_project_as_it_is(tmp_path: Path) -> None:
    scaffold(tmp_path, "sales/orders")
    (tmp_path / "landfall.yml").write_text("name: ours\n", encoding="utf-8")

    scaffold(tmp_path, "sales/returns")

    assert (tmp_path / "landfall.yml").read_text(encoding="utf-8") == "name: ours\n"
    assert [product.key for product in load_products(tmp_path)] == ["sales/orders", "sales/returns"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    scaffold(tmp_path, "sales/orders")
    path = tmp_path / "data_products/sales/orders/product.yml"
    path.write_text("mine", encoding="utf-8")

    with pytest.raises(ProductExists, match="exists already"):
        scaffold(tmp_path, "sales/orders")

    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("key", ["orders", "Sales/orders", "sales/", "sales/orders/x", "../x", "sales/a-b"])
def test_a_name_no_product_can_have_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(NotAProductName):
        scaffold(tmp_path, key)

    assert list(tmp_path.iterdir()) == []
