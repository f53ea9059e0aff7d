"""A project on disk whose one product is sound, for tests that break one thing in it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

PRODUCT_PATH = "data_products/sales/orders/product.yml"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources:
  - {name: files, type: file, format: csv, options: {header: true}}
  - {name: shop_db, type: database, connection: keyvault:shop-db}
datasets:
  - name: orders_landed
    source: files
    landing: {path: "orders/*.csv"}
    columns:
      - {name: order_id, type: bigint, nullable: false}
      - {name: customer, type: string}
      - {name: amount, type: "decimal(10,2)"}
      - {name: placed_on, type: date}
    quality:
      - {name: amount_not_negative, check: range, column: amount, min: 0}
  - name: customers_landed
    source: shop_db
    landing: {path: "customers/*.parquet"}
    columns:
      - {name: customer, type: string}
      - {name: country, type: string}
  - name: orders
    layer: silver
    quality:
      - {name: one_row_per_order, check: unique, columns: [order_id]}
transformations:
  - name: clean_orders
    inputs: [orders_landed, customers_landed]
    steps:
      - filter: amount is not null
      - join: {with: customers_landed, on: [customer], how: left}
    output: {dataset: orders, layer: silver}
  - name: daily_sales
    inputs: [orders]
    steps:
      - aggregate: {by: [placed_on], measures: {orders: count(*), revenue: sum(amount)}}
    output: {dataset: daily_sales, layer: gold, write: {mode: merge, keys: [placed_on]}}
ports:
  - {dataset: daily_sales, version: 1}
run: {on: [landing, {schedule: "0 6 * * *"}], settle: 500ms}
"""

WriteProject = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write_project(tmp_path: Path) -> WriteProject:
    """Write files below a project folder and return it; ``landfall.yml`` and the sound product are there already."""

    def write(files: Mapping[str, str]) -> Path:
        for path, text in {"landfall.yml": "name: shop\n", PRODUCT_PATH: PRODUCT, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        return tmp_path

    return write
