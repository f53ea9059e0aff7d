"""The step that is the product's own function, on the real engine."""

import hashlib
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench

SHAPE = """
from pyspark.sql import functions

@functions.udf("string")
def shout(text):
    return text.upper() + "!"

def shape(orders, customers):
    joined = orders.join(customers, "customer", "left")
    return joined.select(shout("country").alias("COUNTRY"), "id")
"""


def step(source: str, columns: dict[str, str]) -> dict[str, Any]:
    sha256 = hashlib.sha256(source.encode()).hexdigest()
    return {
        "python": {
            "function": "shaping:shape",
            "columns": columns,
            "source": source,
            "sha256": sha256,
        }
    }


@pytest.fixture
def tables(bench: Workbench) -> Workbench:
    bench.save("orders", "SELECT 1 AS id, 'ann' AS customer")
    bench.save("customers", "SELECT 'ann' AS customer, 'nz' AS country")
    return bench


def test_a_function_takes_frames_and_returns_one(tables: Workbench) -> None:
    result = tables.transform(
        step(SHAPE, {"id": "int", "country": "string"}), {"filter": "id = 1"}, inputs=("orders", "customers")
    )

    assert result["error"] is None, result["error"]
    assert result["output"]["columns"] == [
        {"name": "id", "type": "int"},
        {"name": "country", "type": "string"},
    ]
    assert tables.rows("built") == [(1, "NZ!")]


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        (SHAPE, {"columns": {"id": "bigint", "name": "string"}}, "'id' is int and declared as bigint"),
        (SHAPE, {"columns": {"id": "bigint", "name": "string"}}, "there is no column 'name'"),
        (SHAPE, {"columns": {"id": "int"}}, "column 'COUNTRY' is not declared"),
        (SHAPE, {"sha256": "0"}, "is not the one that was pinned"),
        ("def shape(orders): return 1 / 0", {}, "shaping:shape failed: ZeroDivisionError"),
        ("def shape(orders): return 7", {}, "returned int, not a DataFrame"),
        ("import nothing_of_that_name", {}, "cannot be loaded: ModuleNotFoundError"),
        ("def other(orders): return orders", {}, "cannot be loaded: KeyError: 'shape'"),
    ],
)  # fmt: skip
def test_what_is_wrong_stops_the_node(
    tables: Workbench, source: str, changes: dict[str, Any], message: str
) -> None:
    node = step(source, {"id": "int"})
    node["python"] |= changes

    result = tables.transform(node, inputs=("orders", "customers"))

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4503", "definition")
    assert message in result["error"]["message"]
    assert "step 1 (python)" in result["error"]["message"]
