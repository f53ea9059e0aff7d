"""Rules that a table suggests: figures of real Delta tables, and YAML that validates when it is pasted."""

import re
import textwrap
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from landfall.cli.profile import as_yaml
from landfall.preview import TableNotWritten, UnknownColumn
from landfall.profiling import Profile, profile
from landfall.settings import Settings
from landfall.spec.load import check_products
from tests.unit.spec.conftest import PRODUCT_PATH

# Tables of these tests are folders; of the account only the name is looked at.
SETTINGS = Settings(
    database_url="sqlite://",
    storage_account="lake",
    blob_endpoint="http://127.0.0.1:1/lake",
    storage_key="a2V5",
    databricks_host="",
    databricks_token=None,
    job_id=None,
    functions_url="",
    functions_audience=None,
    managed_identity_client_id=None,
)
ROWS = 200
COLUMNS = {
    "order_id": "bigint",
    "customer": "string",
    "email": "string",
    "country": "string",
    "amount": "decimal(10,2)",
    "share": "double",
    "placed_on": "date",
    "placed_at": "timestamp",
    "note": "string",
    "level": "int",
    "paid": "boolean",
    "tags": "array<string>",
}
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources: [{name: files, type: file, format: parquet}]
datasets:
  - name: landed
    source: files
    landing: {path: "orders/*.parquet"}
    columns:
COLUMNS
    quality:
RULES
"""


@pytest.fixture
def table(tmp_path: Path) -> str:
    numbers = range(ROWS)
    columns: dict[str, Any] = {
        "order_id": pa.array(numbers, pa.int64()),
        "customer": [f'it\'s "{at % 150}"' for at in numbers],
        "email": [f"user{at % 90}@mail.example" for at in numbers],
        "country": [("NL", "DE", 'no: "')[at % 3] for at in numbers],
        "amount": pa.array([Decimal(at) + Decimal("0.25") for at in numbers], pa.decimal128(10, 2)),
        "share": [None if at % 10 == 0 else at / 7 for at in numbers],
        "placed_on": [date(2024, 1, 1 + at % 28) for at in numbers],
        "placed_at": [datetime(2024, 2, 1 + at % 28, 12, tzinfo=UTC) for at in numbers],
        "note": [None if at else " " for at in numbers],
        "level": pa.array([at % 2 for at in numbers], pa.int32()),
        "paid": [at % 2 == 0 for at in numbers],
        "tags": pa.array([["a"]] * ROWS, pa.list_(pa.string())),
        "_run_id": ["r1"] * ROWS,
    }
    path = str(tmp_path / "lake" / "orders")
    write_deltalake(path, pa.table(columns))
    return path


def rules_of(found: Profile) -> dict[str, dict[str, Any]]:
    return {item.rule["name"]: dict(item.rule) for item in found.proposals}


def test_rules_and_figures(table: str) -> None:
    found = profile(SETTINGS, table)

    rules = rules_of(found)
    assert found.rows == ROWS
    assert {name: rules[name]["columns"] for name in rules if name.endswith("_unique")} == {
        "order_id_unique": ["order_id"],
        "amount_unique": ["amount"],
    }
    assert rules["country_known"]["values"] == ["DE", "NL", 'no: "']
    assert rules["level_known"]["values"] == [0, 1]
    assert rules["email_is_email"]["pattern"] == "email"
    assert (rules["customer_length"]["min"], rules["customer_length"]["max"]) == (8, 10)
    assert (rules["amount_in_range"]["min"], rules["amount_in_range"]["max"]) == (0, 200)
    assert (rules["placed_on_in_range"]["min"], rules["placed_on_in_range"]["max"]) == (
        "2024-01-01",
        "2024-01-28",
    )
    assert (rules["placed_at_in_range"]["min"], rules["placed_at_in_range"]["max"]) == (
        "2024-02-01",
        "2024-02-29",
    )
    assert rules["share_mostly_there"]["max"] == 0.11
    assert rules["has_rows"]["min"] == 1
    assert {"share_not_null", "note_not_null", "note_not_empty", "share_unique"}.isdisjoint(rules)
    assert not any("_run_id" in str(rule) for rule in rules.values())
    reasons = {item.rule["name"]: item.because for item in found.proposals}
    assert reasons["share_mostly_there"] == "20 of 200 rows are null (10.00%)"


def test_what_is_proposed_validates_when_pasted(table: str, tmp_path: Path) -> None:
    declared = "\n".join(f'      - {{name: {name}, type: "{kind}"}}' for name, kind in COLUMNS.items())
    rules = textwrap.indent(as_yaml(profile(SETTINGS, table)), "      ")
    product = tmp_path / "project" / PRODUCT_PATH
    product.parent.mkdir(parents=True)
    product.write_text(PRODUCT.replace("COLUMNS", declared).replace("RULES", rules))
    (tmp_path / "project" / "landfall.yml").write_text("name: shop\n")

    _, faults = check_products(tmp_path / "project")

    assert [str(fault) for fault in faults] == []


def test_chosen_columns_and_tables_without_rows(table: str, tmp_path: Path) -> None:
    empty = str(tmp_path / "empty")
    write_deltalake(empty, pa.table({"id": pa.array([], pa.int64()), "name": pa.array([], pa.string())}))

    assert [column.name for column in profile(SETTINGS, table, columns=["level"]).columns] == ["level"]
    assert profile(SETTINGS, empty).proposals == ()
    with pytest.raises(UnknownColumn):
        profile(SETTINGS, table, columns=["nope"])
    with pytest.raises(TableNotWritten):
        profile(SETTINGS, str(tmp_path / "nothing"))


def test_names_of_rules_from_any_names_of_columns(tmp_path: Path) -> None:
    path = str(tmp_path / "odd")
    write_deltalake(path, pa.table({"Total": [1, 2], "2nd": [5, 6], "y" * 70: [7, 8], "y" * 71: [9, 9]}))

    names = [item.rule["name"] for item in profile(SETTINGS, path).proposals]

    assert len(set(names)) == len(names)
    assert {"total_not_null", "column_2nd_not_null", "y" * 64, "y" * 60 + "_2"} <= set(names)
    assert all(re.fullmatch("[a-z][a-z0-9_]{0,63}", name) for name in names)


def test_names_of_the_rules_that_are_there_are_left_to_them(tmp_path: Path) -> None:
    path = str(tmp_path / "small")
    write_deltalake(path, pa.table({"total": [1, 2]}))

    found = profile(SETTINGS, path, taken=frozenset({"has_rows", "total_not_null"}))

    names = {item.rule["name"] for item in found.proposals}
    assert {"has_rows_2", "total_not_null_2", "total_in_range"} <= names
    assert not names & {"has_rows", "total_not_null"}


def test_no_range_ends_in_infinity_or_nan(tmp_path: Path) -> None:
    path = str(tmp_path / "odd")
    numbers = {"a": [1.5, float("nan")], "b": [2.5, float("inf")], "c": [-1.5, 2.5]}
    write_deltalake(path, pa.table(numbers))

    ranges = [rule for rule in rules_of(profile(SETTINGS, path)).values() if rule["check"] == "range"]

    assert [(rule["column"], rule["min"], rule["max"]) for rule in ranges] == [("c", -2, 3)]
