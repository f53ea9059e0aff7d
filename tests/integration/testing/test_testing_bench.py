"""Tests of products on the real engine: what passes, and how what fails reads."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.product_tests import check_product_tests
from landfall.testing.difference import Difference
from landfall.testing.run import Bench

ROOT = Path(__file__).parents[3]
FILE = "data_products/sales/orders/tests/orders.yml"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources:
  - {name: files, type: file, format: csv, options: {delimiter: ";", null_value: NA}}
  - {name: events, type: file, format: json}
  - {name: shop_db, type: database, connection: keyvault:shop-db}
datasets:
  - name: orders_landed
    source: files
    landing: {path: "orders/*.csv"}
    columns:
      - {name: id, type: bigint, nullable: false}
      - {name: name, type: string}
      - {name: amount, from: Total, type: "decimal(10,2)"}
      - {name: at, type: timestamp}
    quality:
      - {name: positive, check: range, column: amount, min: 0}
  - name: clicks_landed
    source: events
    landing: {path: "clicks/*.json"}
    columns: [{name: id, type: bigint}, {name: page, from: "Page (URL)", type: string}]
  - name: customers_landed
    source: shop_db
    landing: {path: "customers/*.parquet"}
    columns: [{name: name, type: string}, {name: since, from: "Since when", type: date}]
  - name: orders
    quality:
      - {name: known, check: not_null, columns: [since], severity: warn}
      - {name: one_each, check: unique, columns: [id], severity: fail}
  - name: all_orders
    quality:
      - {name: clicked, check: foreign_key, columns: [id], references: clicks_landed}
      - {name: not_alone, check: row_count, min: 2}
transformations:
  - name: clean
    inputs: [orders_landed, customers_landed]
    steps:
      - join: {with: customers_landed, on: [name], how: left}
      - derive: {words: "split(name, ' ')", half: amount / 3.0D}
    output: {dataset: orders, layer: silver}
  - name: history
    inputs: [orders]
    steps: [{select: [id, words, half]}]
    output: {dataset: all_orders, layer: gold, write: {mode: append}}
ports: [{dataset: orders, version: 1}]
"""
OTHER = """\
api_version: landfall/v1
domain: sales
name: report
owner: {team: sales-team, email: sales@example.com}
transformations:
  - name: count_them
    inputs: [sales/orders.orders@1]
    steps: [{aggregate: {by: [], measures: {orders: count(*), last: max(at)}}}]
    output: {dataset: counted, layer: gold}
"""


def differences(spark: SparkSession, root: Path, text: str, product: str = "orders") -> list[Difference]:
    """Write the two products and the tests of one of them, run these, and return what differs."""
    folder = root / "project"
    for path, content in {
        "landfall.yml": "name: shop\n",
        "data_products/sales/orders/product.yml": PRODUCT,
        "data_products/sales/report/product.yml": OTHER,
        f"data_products/sales/{product}/tests/some.yml": text,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    products = load_products(folder)
    key = f"sales/{product}"
    tests, faults = check_product_tests(folder, next(item for item in products if item.key == key))
    assert faults == ()
    bench = Bench(spark, products, root / "tables")
    return [bench.run(key, test).difference for test in tests]


def test_every_test_of_the_example_passes(session: SparkSession, tmp_path: Path) -> None:
    (product,) = load_products(ROOT, "mobility/flights")
    tests, faults = check_product_tests(ROOT, product)
    bench = Bench(session, [product], tmp_path)

    failed = {test.name: found for test in tests if (found := bench.run(product.key, test).difference)}

    assert faults == ()
    assert failed == {}
    built = {test.subject for test in tests}
    assert len(built & {item.name for item in product.transformations}) >= 4


@pytest.mark.parametrize(
    "test",
    [
        """
        dataset: orders_landed
        given: {orders_landed: [{id: 1, name: "a;b", amount: NA, at: "2024-01-01T10:00:00Z"}, {name: x}]}
        expect:
          rows: [{id: 1, name: "a;b", amount: null, at: "2024-01-01 10:00:00"}]
          refused: [{row: {id: null, name: x}, rules: ["not_null:id"]}]
        """,
        """
        dataset: orders_landed
        given: {orders_landed: "id;name;Total;at\\n1;a;-1.50;\\n2;b\\n3;c;many;\\n"}
        expect:
          rows: []
          refused:
            - {row: {id: 3, amount: many}, rules: ["type:amount"]}
            - {row: {id: 1, amount: -1.5}, rules: [positive]}
            - {row: "2;b", rules: [readable_row]}
        """,
        """
        dataset: clicks_landed
        given: {clicks_landed: [{id: 1, page: "ä"}, {id: 2}]}
        expect: {rows: [{id: 2, page: null}, {id: 1, page: "ä"}]}
        """,
        """
        dataset: customers_landed
        given: {customers_landed: [{name: ann, since: "2020-02-29"}]}
        expect: {rows: [{name: ann, since: "2020-02-29"}]}
        """,
        """
        transformation: clean
        given:
          orders_landed: [{id: 1, name: ann lee, amount: 10}, {id: 2, name: bo, amount: 10}]
          customers_landed: [{name: ann lee, since: "2020-01-01"}]
        expect:
          rows:
            - {id: 2, since: null, words: [bo], half: 3.33333333, _warnings: [known]}
            - {id: 1, since: "2020-01-01", words: [ann, lee], half: 3.33333333, _warnings: []}
        """,
        """
        transformation: clean
        given: {orders_landed: [{id: 1}, {id: 1}]}
        expect: {stopped_by: [one_each]}
        """,
        """
        transformation: history
        given: {orders: [{id: 1}], clicks_landed: [{id: 1}]}
        expect: {stopped_by: [not_alone]}
        """,
        """
        transformation: history
        given:
          orders: [{id: 2, words: [a, b], half: 1.5}, {id: 3}]
          clicks_landed: [{id: 2}, {id: 4}]
          all_orders: [{id: 1, half: 0, _run_id: before}]
        expect:
          rows: [{id: 1, words: null, half: 0}, {id: 2, words: [a, b], half: 1.5}]
          refused: [{row: {id: 3}, rules: [clicked]}]
        """,
    ],
)
def test_what_is_so_passes(test: str, session: SparkSession, tmp_path: Path) -> None:
    assert differences(session, tmp_path, f"name: some\n{_unindented(test)}") == [Difference()]


def test_the_columns_of_a_port_come_from_its_product(session: SparkSession, tmp_path: Path) -> None:
    test = """
        name: counted
        transformation: count_them
        given: {orders: [{id: 1, at: "2024-05-06 07:08:09"}, {id: 2}]}
        expect: {rows: [{orders: 2, last: "2024-05-06 07:08:09"}]}
        """

    assert differences(session, tmp_path, _unindented(test), "report") == [Difference()]


def test_a_difference_names_what_is_missing_and_what_is_too_much(
    session: SparkSession, tmp_path: Path
) -> None:
    test = """
        name: some
        dataset: orders_landed
        given: {orders_landed: [{id: 1, amount: 2}, {id: 1, amount: 2}, {id: 3, amount: -1}]}
        expect:
          rows: [{id: 1, amount: 2}, {id: 3, amount: -1}]
          refused: [{row: {id: 2}, rules: [positive]}]
        """

    (difference,) = differences(session, tmp_path, _unindented(test))

    assert difference.missing == ({"id": "3", "amount": "-1.00"},)
    assert difference.unexpected == ({"id": "1", "amount": "2.00"},)
    assert difference.refused_missing == ({"id": "2", "rules": "positive"},)
    why = "positive: amount is not at least 0"
    assert difference.refused_unexpected == ({"id": "3", "rules": "positive", "_reason": why},)


def test_a_row_that_says_nothing_of_warnings_has_none(session: SparkSession, tmp_path: Path) -> None:
    test = """
        name: some
        transformation: clean
        given:
          orders_landed: [{id: 1, name: Ann Lee}, {id: 2}]
          customers_landed: [{name: Ann Lee, since: "2024-01-01"}]
        expect: {rows: [{id: 1}, {id: 2, _warnings: [known]}]}
        """

    assert differences(session, tmp_path, _unindented(test)) == [Difference()]


def test_a_list_is_shown_as_it_is_written(session: SparkSession, tmp_path: Path) -> None:
    test = """
        name: some
        transformation: clean
        given: {orders_landed: [{id: 1, name: Ann "A" Lee}], customers_landed: [{name: Ann "A" Lee}]}
        expect: {rows: [{id: 1, words: [Ann], _warnings: []}]}
        """

    (difference,) = differences(session, tmp_path, _unindented(test))

    assert [row["words"] for row in (*difference.missing, *difference.unexpected)] == [
        '["Ann"]',
        r'["Ann","\"A\"","Lee"]',
    ]


@pytest.mark.parametrize(
    ("given", "expect", "reason"),
    [
        (
            "[{id: 1}, {id: ten}]",
            "{rows: []}",
            "given orders_landed, row 2: 'ten' does not fit column 'id' of type",
        ),
        ("[{id: 1, name: 7}]", "{rows: []}", "column 'name' is text and 7 is not; write it in quotes"),
        (
            "[{id: 1}]",
            "{rows: [{id: x}]}",
            "expected rows, row 1: 'x' does not fit column 'id' of type bigint",
        ),
        ("[{id: 1}, {id: 1}]", "{rows: []}", "stopped by one_each; expected: published"),
        ("[{id: 1}]", "{stopped_by: [one_each]}", "published; expected: stopped by one_each"),
    ],
)
def test_what_cannot_be_compared_says_why(
    given: str, expect: str, reason: str, session: SparkSession, tmp_path: Path
) -> None:
    test = f"name: some\ntransformation: clean\ngiven: {{orders_landed: {given}}}\nexpect: {expect}\n"

    (difference,) = differences(session, tmp_path, test)

    assert reason in difference.reason


def _unindented(text: str) -> str:
    return "\n".join(line[8:] for line in text.splitlines())
