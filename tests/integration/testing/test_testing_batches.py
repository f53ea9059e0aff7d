"""Tests of products in several batches, as rows come: merges, history, increments, snapshots and landed files."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.product_tests import check_product_tests
from landfall.testing.difference import Difference
from landfall.testing.run import Bench

FILE = "data_products/sales/orders/tests/orders.yml"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources: [{name: files, type: file, format: csv}]
datasets:
  - name: landed
    source: files
    landing: {path: "orders/*.csv"}
    columns: [{name: id, type: bigint}, {name: code, type: string}, {name: day, type: date}]
    quality:
      - {name: tidy, check: pattern, column: code, pattern: trimmed, severity: correct, repair: trim}
      - {name: known, check: accepted_values, column: code, values: [a, b, c], max_failed_rows: 1}
      - {name: soon, check: range, column: day, max: "2025-01-01", severity: warn}
  - name: names
    source: files
    landing: {path: "names/*.csv"}
    columns: [{name: code, type: string}, {name: name, type: string}]
transformations:
  - name: keep_versions
    inputs: [landed]
    steps: [{select: [id, code, day]}]
    load: incremental
    output: {dataset: versions, layer: silver, write: {mode: scd2, keys: [id], order_by: day}}
  - name: keep_newest
    inputs: [landed, names]
    steps:
      - lookup: {with: names, on: [code], columns: [name]}
      - select: [id, name, day]
    load: {mode: incremental, tolerate: [names]}
    output: {dataset: newest, layer: silver, write: {mode: scd1, keys: [id], order_by: day}}
  - name: copy
    inputs: [landed]
    steps: [{select: [id, code]}]
    output: {dataset: copies, layer: gold, write: {mode: snapshot}}
"""


def differences(spark: SparkSession, root: Path, text: str) -> list[Difference]:
    folder = root / "project"
    for path, content in {
        "landfall.yml": "name: shop\n",
        "data_products/sales/orders/product.yml": PRODUCT,
        FILE: text,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (product,) = load_products(folder)
    tests, faults = check_product_tests(folder, product)
    assert faults == ()
    bench = Bench(spark, [product], root / "tables")
    return [bench.run(product.key, test).difference for test in tests]


SCD2 = """\
- name: a_late_row_divides_the_version_it_falls_into
  transformation: keep_versions
  batches:
    - given: {landed: [{id: 1, code: a, day: "2024-01-01"}, {id: 1, code: c, day: "2024-03-01"}]}
    - given: {landed: [{id: 1, code: b, day: "2024-02-01"}]}
      expect:
        rows:
          - {id: 1, code: a, valid_to: "2024-02-01", is_current: false}
          - {id: 1, code: b, valid_to: "2024-03-01", is_current: false}
          - {id: 1, code: c, valid_to: null, is_current: true}
    - given: {landed: [{id: 2, code: a, day: "2024-01-01"}]}
      expect:
        rows:
          - {id: 1, code: a}
          - {id: 1, code: b}
          - {id: 1, code: c}
          - {id: 2, code: a}
"""
SCD1 = """\
- name: what_came_before_is_not_read_again
  transformation: keep_newest
  batches:
    - given:
        landed: [{id: 1, code: a, day: "2024-01-02"}, {id: 2, code: a, day: "2024-01-02"}]
        names: [{code: a, name: first}]
      expect: {rows: [{id: 1, name: first}, {id: 2, name: first}]}
    - given:
        landed: [{id: 1, code: a, day: "2024-01-03"}, {id: 2, code: a, day: "2024-01-01"}]
        names: [{code: b, name: other}]
      expect: {rows: [{id: 1, name: first, day: "2024-01-03"}, {id: 2, name: first, day: "2024-01-02"}]}
"""
SNAPSHOT = """\
- name: every_batch_has_its_day
  transformation: copy
  batches:
    - given: {landed: [{id: 1, code: a}]}
    - given: {landed: [{id: 2, code: b}]}
      expect:
        rows:
          - {id: 1, snapshot_date: "2000-01-01"}
          - {id: 1, snapshot_date: "2000-01-02"}
          - {id: 2, snapshot_date: "2000-01-02"}
"""
LANDED = """\
- name: files_come_one_after_another_and_a_bad_one_stops
  dataset: landed
  batches:
    - given: {landed: [{id: 1, code: " a ", day: "2026-01-01"}]}
      expect:
        rows:
          - id: 1
            code: a
            _warnings: [soon]
            _corrections: ['{"rule":"tidy","column":"code","value":" a "}']
    - given: {landed: "id,code,day\\n2,x,\\n3,y,\\n"}
      expect: {stopped_by: [known]}
    - given: {landed: "id,code,day\\n4,b,\\n5,x,\\n"}
      expect:
        rows: [{id: 1}, {id: 4}]
        refused: [{row: {id: 5}, rules: [known]}]
"""


@pytest.mark.parametrize("text", [SCD2, SCD1, SNAPSHOT, LANDED], ids=["scd2", "scd1", "snapshot", "landed"])
def test_batches_build_on_one_another(text: str, session: SparkSession, tmp_path: Path) -> None:
    assert differences(session, tmp_path, text) == [Difference()]


def test_the_first_batch_that_differs_is_named(session: SparkSession, tmp_path: Path) -> None:
    (found,) = differences(
        session, tmp_path, SCD1.replace('name: first, day: "2024-01-03', 'name: second, day: "2024-01-03')
    )

    assert found.batch == 2
    assert found.missing == ({"id": "1", "name": "second", "day": "2024-01-03"},)
    assert [row["name"] for row in found.unexpected] == ["first"]
