"""Rows of a test reach the reader of their source's own format, and what is wrong with them is refused there."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.product_tests import check_product_tests
from landfall.testing.difference import Difference
from landfall.testing.run import Bench

COLUMNS = """
      - {name: id, type: bigint, nullable: false}
      - {name: name, from: Full_Name, type: string}
      - {name: amount, type: "decimal(10,2)"}
      - {name: share, type: double}
      - {name: is_open, type: boolean}
      - {name: day, type: date}
      - {name: at, type: timestamp}
      - {name: items, type: "array<struct<article:string,price:decimal(5,2)>>"}
      - {name: address, type: "struct<city:string,since:date>"}
"""
FIXED = """
      - {name: id, type: bigint, nullable: false, width: 6}
      - {name: name, from: Full_Name, type: string, width: 12}
      - {name: amount, type: "decimal(10,2)", width: 10}
      - {name: share, type: double, width: 8}
      - {name: is_open, type: boolean, width: 6}
      - {name: day, type: date, width: 10}
      - {name: at, type: timestamp, width: 30}
      - {name: items, type: "array<struct<article:string,price:decimal(5,2)>>", width: 90}
      - {name: address, type: "struct<city:string,since:date>", width: 60}
"""
OPTIONS = {
    "csv": '{delimiter: ";", skip_lines: 2, comment: "#"}',
    "json": "{multi_line: true}",
    "fixed": "{skip_lines: 1, trimmed: true}",
    "xml": "{row_tag: order, encoding: iso-8859-1}",
    "excel": "{sheet: Orders, skip_lines: 2}",
    "parquet": "",
    "orc": "",
    "avro": "",
    "delta": "",
}
FORMATS = tuple(OPTIONS)
GOOD = """
      - {id: 1, name: "Ännchen #1", amount: 7.25, share: 0.5, is_open: true, day: "2024-02-29",
         at: "2024-03-01T10:30:00Z", items: [{article: pen, price: 1.50}, {article: ink, price: null}],
         address: {city: Oslo, since: "2020-01-31"}}
      - {id: 2}
"""
# The first does not fit its column, the second its nested one, the third is missing, the fourth breaks a rule.
BAD = """
      - {id: 3, amount: plenty}
      - {id: 4, items: [{article: pen, price: 99999}]}
      - {name: nobody}
      - {id: 5, amount: -1}
"""


def a_project(root: Path, file_format: str, test: str, drift: str = "quarantine") -> Path:
    options = f", options: {OPTIONS[file_format]}" if OPTIONS[file_format] else ""
    path = "orders" if file_format == "delta" else "orders/*"
    product = f"""\
api_version: landfall/v1
domain: sales
name: orders
owner: {{team: sales-team, email: sales@example.com}}
sources: [{{name: shop, type: file, format: {file_format}{options}}}]
datasets:
  - name: orders_landed
    source: shop
    landing: {{path: "{path}"}}
    schema_drift: {drift}
    columns:{(FIXED if file_format == "fixed" else COLUMNS).rstrip()}
    quality: [{{name: not_negative, check: range, column: amount, min: 0}}]
"""
    folder = root / "project" / "data_products" / "sales" / "orders"
    (folder / "tests").mkdir(parents=True, exist_ok=True)
    (root / "project" / "landfall.yml").write_text("name: shop\n")
    (folder / "product.yml").write_text(product)
    (folder / "tests" / "formats.yml").write_text(test)
    return root / "project"


def differences(spark: SparkSession, project: Path, tables: Path) -> Sequence[Difference]:
    products = load_products(project)
    tests, faults = check_product_tests(project, products[0])
    assert faults == ()
    bench = Bench(spark, products, tables)
    return [bench.run("sales/orders", test).difference for test in tests]


@pytest.mark.parametrize("file_format", FORMATS)
def test_rows_come_back_as_they_were_given(file_format: str, session: SparkSession, tmp_path: Path) -> None:
    test = (
        f"name: some\ndataset: orders_landed\ngiven:\n    orders_landed:{GOOD}{BAD}expect:\n    rows:{GOOD}"
    )
    test = test.replace("\n\n", "\n")
    refused = """    refused:
      - {row: {id: 3, amount: plenty}, rules: ["type:amount"]}
      - {row: {id: 4, amount: null}, rules: ["type:items[].price"]}
      - {row: {id: null, amount: null}, rules: ["not_null:id"]}
      - {row: {id: 5, amount: -1}, rules: [not_negative]}
"""

    found = differences(session, a_project(tmp_path, file_format, test + refused), tmp_path / "tables")

    assert found == [Difference()]


@pytest.mark.parametrize("file_format", [name for name in FORMATS if name != "fixed"])
def test_a_further_column_of_a_row_is_kept_where_that_is_declared(
    file_format: str, session: SparkSession, tmp_path: Path
) -> None:
    test = """\
name: some
dataset: orders_landed
given: {orders_landed: [{id: 1, colour: red}, {id: 2, colour: "#f00"}, {id: 3, colour: null}]}
expect:
  rows:
    - {id: 1, _rescued: '{"colour":"red"}'}
    - {id: 2, _rescued: '{"colour":"#f00"}'}
    - {id: 3, _rescued: null}
"""

    project = a_project(tmp_path, file_format, test, drift="rescue")

    assert differences(session, project, tmp_path / "tables") == [Difference()]


def test_files_land_as_they_are(session: SparkSession, tmp_path: Path) -> None:
    test = """\
- name: packed
  dataset: orders_landed
  given: {orders_landed: {file: files/orders.csv.gz}}
  expect:
    rows: [{id: 1, name: ann}]
    refused: [{row: "2;bob;too;many;fields;by;far;for;any;row", rules: [readable_row]}]
- name: cut_off
  dataset: orders_landed
  given: {orders_landed: {file: files/cut.csv.gz}}
  expect: {rejected: Ends too early}
- name: taken_in_all_the_same
  dataset: orders_landed
  given: {orders_landed: {file: files/orders.csv.gz}}
  expect: {rejected: land the file again}
"""
    project = a_project(tmp_path, "csv", test)
    files = project / "data_products" / "sales" / "orders" / "tests" / "files"
    files.mkdir()
    header = "id;Full_Name;amount;share;is_open;day;at;items;address"
    text = f"-\n-\n{header}\n1;ann;;;;;;;\n2;bob;too;many;fields;by;far;for;any;row\n"
    packed = gzip.compress(text.encode())
    (files / "orders.csv.gz").write_bytes(packed)
    (files / "cut.csv.gz").write_bytes(packed[:-12])

    sound, cut, taken = differences(session, project, tmp_path / "tables")

    assert (sound, cut) == (Difference(), Difference())
    assert taken.reason == "the file was taken in; expected: rejected, land the file again"


@pytest.mark.parametrize("file_format", ["avro", "orc", "parquet", "excel", "xml", "delta"])
def test_a_damaged_file_of_any_format_is_rejected(
    file_format: str, session: SparkSession, tmp_path: Path
) -> None:
    test = f"""\
- {{name: damaged, dataset: orders_landed, given: {{orders_landed: {{file: damaged}}}},
   expect: {{rejected: {"is not JSON" if file_format == "delta" else "land the file again"}}}}}
"""
    project = a_project(tmp_path, file_format, test)
    damaged = project / "data_products" / "sales" / "orders" / "tests" / "damaged"
    if file_format == "delta":
        (damaged / "_delta_log").mkdir(parents=True)
        damaged = damaged / "_delta_log" / "00000000000000000000.json"
    damaged.write_text("Obj\x01 PAR1 ORC <order")

    assert differences(session, project, tmp_path / "tables") == [Difference()]


def test_a_table_in_a_folder_lands_commit_by_commit(session: SparkSession, tmp_path: Path) -> None:
    test = """\
name: some
dataset: orders_landed
given: {orders_landed: {file: table}}
expect: {rows: [{id: 1}, {id: 2}]}
"""
    project = a_project(tmp_path, "delta", test, drift="rescue")
    table = project / "data_products" / "sales" / "orders" / "tests" / "table"
    for number in (1, 2):
        write_deltalake(table, pa.table({"id": [number]}), mode="append")

    assert differences(session, project, tmp_path / "tables") == [Difference()]


@pytest.mark.parametrize(
    ("file_format", "row", "reason"),
    [
        ("excel", "{name: null}", "it has no value, and is no row in a workbook"),
        ("excel", '{id: 1, name: "a\\u0007"}', "no cell can hold the value of 'name'"),
        ("xml", '{id: 1, name: "a\\u0007"}', "character '\\x07' is not allowed in XML"),
        ("xml", "{id: 1, items: []}", "'items' is an empty list, which XML cannot tell"),
        ("xml", "{id: 1, name: €}", "codec can't encode character"),
        ("avro", "{id: 1, further column: x}", "'further column' cannot be the name of a field"),
        ("fixed", "{id: 1234567}", "'1234567' does not fit column 'id', which has 6 characters"),
        ("orc", "{id: 1, name: 5}", "column 'name' is text and 5 is not; write it in quotes"),
    ],
)
def test_what_a_format_cannot_hold_is_said_with_its_line(
    file_format: str, row: str, reason: str, session: SparkSession, tmp_path: Path
) -> None:
    test = (
        f"name: some\ndataset: orders_landed\ngiven:\n  orders_landed:\n    - {row}\nexpect: {{rows: []}}\n"
    )
    drift = "discard" if "further" in row else "quarantine"

    (found,) = differences(session, a_project(tmp_path, file_format, test, drift), tmp_path / "tables")

    place = "data_products/sales/orders/tests/formats.yml:5: given orders_landed"
    assert found.reason.startswith(place), found.reason
    assert reason in found.reason
