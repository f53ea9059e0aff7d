"""A product's tests reach every check there is: each refuses its row, or stops the node."""

from pathlib import Path

from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.model import Check, Severity
from landfall.spec.product_tests import check_product_tests
from landfall.testing.run import Bench

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
    columns: [{name: id, type: bigint}, {name: code, type: string}, {name: amount, type: int}, {name: day, type: date}]
  - name: codes
    source: files
    landing: {path: "codes/*.csv"}
    columns: [{name: code, type: string}]
  - name: orders
    max_quarantined_share: 0.95
    quality:
      - {name: a, check: not_null, columns: [code]}
      - {name: b, check: unique, columns: [id]}
      - {name: c, check: range, column: amount, max: 100}
      - {name: d, check: accepted_values, column: amount, values: [1, 2, 3, 4, 500]}
      - {name: e, check: forbidden_values, column: amount, values: [4]}
      - {name: f, check: regex, column: code, pattern: "[a-z0-9:/. ]*"}
      - {name: g, check: pattern, column: code, pattern: trimmed}
      - {name: h, check: length, column: code, max: 8}
      - {name: i, check: not_empty, columns: [code]}
      - {name: j, check: parseable, column: code, type: int, filter: "code rlike '^[0-9]'"}
      - {name: k, check: foreign_key, columns: [code], references: codes, filter: "code rlike '^[a-z]+$'"}
      - {name: l, check: expression, expression: amount <> 3 or code <> 'known'}
      - {name: m, check: range, column: amount, min: 1, severity: correct, repair: clamp}
      - {name: n, check: row_count, min: 2}
      - {name: o, check: null_share, column: day, max: 0}
      - {name: p, check: freshness, column: day, max_age: 1h}
      - {name: q, check: aggregate, column: amount, measure: sum, min: 1000}
      - {name: r, check: equal_totals, total: count(*), references: codes}
      - {name: s, check: total, total: count(distinct code), above: 1}
      - {name: t, check: schema, columns: {id: bigint}}
transformations:
  - {name: clean, inputs: [landed], steps: [{filter: id > 0}], output: {dataset: orders, layer: silver}}
"""
ROWS = """\
      - {id: 1, code: known, amount: -7, day: "2020-01-01"}
      - {id: 2, amount: 1}
      - {id: 3, code: known, amount: 1}
      - {id: 3, code: known, amount: 2}
      - {id: 4, code: known, amount: 500}
      - {id: 5, code: known, amount: 99}
      - {id: 6, code: known, amount: 4}
      - {id: 7, code: K, amount: 1}
      - {id: 8, code: "1 ", amount: 1}
      - {id: 9, code: known:12345, amount: 1}
      - {id: 10, code: "", amount: 1}
      - {id: 11, code: 1x, amount: 1}
      - {id: 12, code: other, amount: 1}
      - {id: 13, code: known, amount: 3}
"""
TESTS = f"""\
- name: every_check_on_rows_refuses_its_own
  transformation: clean
  given:
    codes: [{{code: known}}, {{code: more}}]
    landed:
{ROWS}
  expect:
    rows: [{{id: 1, amount: 1, _corrections: ['{{"rule":"m","column":"amount","value":"-7"}}']}}]
    refused:
      - {{row: {{id: 2}}, rules: [a]}}
      - {{row: {{id: 3}}, rules: [b]}}
      - {{row: {{id: 3}}, rules: [b]}}
      - {{row: {{id: 4}}, rules: [c]}}
      - {{row: {{id: 5}}, rules: [d]}}
      - {{row: {{id: 6}}, rules: [e]}}
      - {{row: {{id: 7}}, rules: [f]}}
      - {{row: {{id: 8}}, rules: [g]}}
      - {{row: {{id: 9}}, rules: [h]}}
      - {{row: {{id: 10}}, rules: [i]}}
      - {{row: {{id: 11}}, rules: [j]}}
      - {{row: {{id: 12}}, rules: [k]}}
      - {{row: {{id: 13}}, rules: [l]}}
- name: every_check_on_tables_stops
  transformation: clean
  given: {{codes: [{{code: known}}, {{code: more}}], landed: [{{id: 1, code: known, amount: 1}}]}}
  expect: {{stopped_by: [n, o, p, q, r, s]}}
- name: too_much_is_refused
  transformation: clean
  given: {{landed: [{{id: 2, amount: 1}}]}}
  expect: {{stopped_by: [max_quarantined_share]}}
"""


def test_every_check_can_be_tested(session: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for path, content in {
        "landfall.yml": "name: shop\n",
        "data_products/sales/orders/product.yml": PRODUCT,
        "data_products/sales/orders/tests/orders.yml": TESTS,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (product,) = load_products(folder)
    tests, faults = check_product_tests(folder, product)
    bench = Bench(session, [product], tmp_path / "tables")

    failed = {test.name: found for test in tests if (found := bench.run(product.key, test).difference)}

    assert faults == ()
    assert failed == {}
    tested = {rule.check for dataset in product.datasets for rule in dataset.quality}
    assert tested == set(Check)
    assert any(rule.severity is Severity.CORRECT for item in product.datasets for rule in item.quality)
