"""Tests of products where much comes together: nested rows, several rules, Python, keys of other tables, time zones."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.product_tests import check_product_tests
from landfall.testing.difference import Difference
from landfall.testing.run import Bench

FOLDER = "data_products/sales/carts"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: carts
owner: {team: sales-team, email: sales@example.com}
sources: [{name: shop, type: file, format: json}]
datasets:
  - name: carts_landed
    source: shop
    landing: {path: "carts/*.json"}
    schema_drift: rescue
    columns:
      - {name: id, type: bigint, nullable: false}
      - {name: at, type: timestamp}
      - {name: total, type: "decimal(20,6)"}
      - {name: items, type: "array<struct<article:string,price:decimal(5,2)>>"}
      - {name: rates, type: "map<string,double>"}
    quality:
      - {name: cheap, check: range, column: total, max: 100}
      - {name: even, check: expression, expression: "id % 2 = 0"}
      - {name: filled, check: expression, expression: "size(items) > 0", severity: warn}
  - name: articles_landed
    source: shop
    landing: {path: "articles/*.json"}
    columns: [{name: article, type: string}, {name: tax, type: "decimal(4,3)"}]
  - name: lines
    quality:
      - {name: sold_here, check: foreign_key, columns: [article], references: articles_landed}
      - {name: dear, check: range, column: price, max: 50}
transformations:
  - name: take_apart
    inputs: [carts_landed, articles_landed]
    load: incremental
    steps:
      - select: [id, at, items]
      - explode: {column: items, as: item, position: place}
      - flatten: {column: item, prefix: ""}
      - python:
          function: shaping:local_day
          columns: {id: bigint, place: int, article: string, price: "decimal(5,2)", day: date}
          row_by_row: true
    output: {dataset: lines, layer: silver, write: {mode: merge, keys: [id, place]}}
  - name: history
    inputs: [lines]
    steps: [{select: [id, article, price, day]}]
    output: {dataset: history, layer: silver, write: {mode: scd2, keys: [id], order_by: day}}
"""
PYTHON = """\
def local_day(lines, articles_landed):
    day = "CAST(from_utc_timestamp(at, 'Europe/Amsterdam') AS date) AS day"
    return lines.selectExpr("id", "place", "article", "price", day)
"""
SOUND = """
- name: nested_rows_are_compared_part_by_part
  dataset: carts_landed
  given:
    carts_landed:
      - id: 2
        at: "2024-03-31T00:30:00+01:00"
        total: "0.000001"
        items: [{article: pen, price: 1.5}]
        rates: {eur: 1, usd: 1.1}
      - {id: 4, total: "12345678901234.5", items: [], note: new}
      - {id: 3, total: 101, items: [{article: pen, price: 2}, {price: 1000}]}
      - {id: 5, total: 200, rates: {eur: 1}}
  expect:
    rows:
      - id: 2
        at: "2024-03-30 23:30:00"
        total: "0.000001"
        items: [{article: pen, price: 1.50}]
        rates: {eur: 1.0, usd: 1.1}
        _warnings: []
    refused:
      - {row: {id: 4, total: "12345678901234.5", items: []}, rules: [cheap]}
      - {row: {id: 5, total: 200}, rules: [even, cheap]}
      - {row: {id: 3, total: 101, items: [{price: 2, article: pen}, {price: 1000}]}, rules: ["type:items[].price"]}
- name: further_fields_are_kept
  dataset: carts_landed
  given: {carts_landed: [{id: 2, total: 1, items: [{article: pen, colour: red}], note: {a: 1}}]}
  expect:
    rows:
      - {id: 2, _rescued: '{"note":{"a":1},"items[0].colour":"red"}', items: [{article: pen, price: null}]}
- name: nothing_comes_of_nothing
  dataset: carts_landed
  expect: {rows: []}
- name: increments_python_and_keys_of_another_table
  transformation: take_apart
  batches:
    - given:
        articles_landed: [{article: pen}, {article: cup}]
        carts_landed:
          - {id: 2, at: "2024-03-30 23:30:00", items: [{article: pen, price: 1.5}, {article: hat, price: 2}]}
      expect:
        rows: [{id: 2, place: 1, article: pen, price: 1.50, day: "2024-03-31"}]
        refused: [{row: {id: 2, place: 2, article: hat}, rules: [sold_here]}]
    - given:
        carts_landed:
          - {id: 4, at: "2024-07-01 22:30:00", items: [{article: hat, price: 51}, {article: cup, price: 3}]}
      expect:
        rows:
          - {id: 2, place: 1, article: pen, day: "2024-03-31"}
          - {id: 4, place: 2, article: cup, day: "2024-07-02"}
        refused: [{row: {id: 4, article: hat, price: 51}, rules: [sold_here, dear]}]
- name: versions_of_a_cart
  transformation: history
  batches:
    - given: {lines: [{id: 2, article: pen, price: 1.5, day: "2024-01-01"}]}
      expect: {rows: [{id: 2, article: pen, price: 1.50, is_current: true}]}
    - given: {lines: []}
      expect: {rows: [{id: 2, article: pen, price: 1.50, is_current: true}]}
    - given: {lines: [{id: 2, article: cup, price: 2, day: "2024-01-02"}]}
      expect:
        rows:
          - {id: 2, article: pen, price: 1.50, is_current: false}
          - {id: 2, article: cup, price: 2.00, is_current: true}
"""


def differences(spark: SparkSession, root: Path, text: str) -> dict[str, Difference]:
    """Write the product and its tests, run these, and return what differs by test."""
    for path, content in {
        "landfall.yml": "name: shop\n",
        f"{FOLDER}/product.yml": PRODUCT,
        f"{FOLDER}/shaping.py": PYTHON,
        f"{FOLDER}/tests/carts.yml": text,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    (product,) = load_products(root)
    tests, faults = check_product_tests(root, product)
    assert faults == ()
    bench = Bench(spark, [product], root / "tables")
    return {test.name: bench.run(product.key, test).difference for test in tests}


def test_what_comes_together_is_told_as_it_was_written(session: SparkSession, tmp_path: Path) -> None:
    found = differences(session, tmp_path, SOUND)

    assert {name: difference for name, difference in found.items() if difference} == {}
    assert len(found) == 5


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            '{items: [{article: pen}, {price: "1,5"}]}',
            "row 1: items[1].price: '1,5' is not decimal(5,2)",
        ),
        (
            "{items: [{artikle: pen}]}",
            "row 1: items[0]: '{\"artikle\":\"pen\"}' has unexpected field 'artikle'",
        ),
        ("{rates: {eur: much}}", "row 1: rates{eur}: 'much' is not double"),
    ],
    ids=["type", "field", "map"],
)
def test_a_nested_value_that_cannot_be_is_no_null(
    rows: str, reason: str, session: SparkSession, tmp_path: Path
) -> None:
    text = f"- name: a\n  dataset: carts_landed\n  expect: {{rows: [{rows}]}}\n"

    (found,) = differences(session, tmp_path, text).values()

    assert found.reason == f"{FOLDER}/tests/carts.yml:3: expected rows, {reason}"


def test_a_difference_in_a_part_shows_both_values(session: SparkSession, tmp_path: Path) -> None:
    text = """
- name: a
  dataset: carts_landed
  given: {carts_landed: [{id: 2, items: [{article: pen, price: 1.5}]}, {id: 3, items: [{article: pen}]}]}
  expect:
    rows: [{id: 2, items: [{article: pen, price: 1.6}]}]
    refused: [{row: {items: [{article: cup}]}, rules: [even]}]
"""

    (found,) = differences(session, tmp_path, text).values()

    assert [row["items"] for row in (*found.missing, *found.unexpected)] == [
        '[{"article":"pen","price":1.6}]',
        '[{"article":"pen","price":1.5}]',
    ]
    assert [row["items"] for row in (*found.refused_missing, *found.refused_unexpected)] == [
        '[{"article": "cup"}]',
        '[{"article": "pen"}]',
    ]
