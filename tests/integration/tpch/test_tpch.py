"""All 22 queries of TPC-H as transformations of one product, each answered as DuckDB answers it."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.integration.spark_runtime.conftest import azurite_port, engine, spark  # noqa: F401 - fixtures
from tests.integration.spark_runtime.workbench import Workbench
from tests.integration.tpch.queries import Tpch, TpchNode

SCALE = 0.1
CACHE = Path(__file__).parents[3] / ".landfall" / "cache" / f"tpch-{SCALE}"
# DuckDB computes averages and ratios in doubles, Spark in decimals of at least six digits behind the point.
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def tpch() -> Tpch:
    return Tpch(SCALE, CACHE)


@pytest.fixture(scope="module")
def nodes(tpch: Tpch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TpchNode]:
    """The nodes of the product by name; every fault that `validate` finds would be raised here."""
    project = tmp_path_factory.mktemp("project")
    return {item.definition["output"]["dataset"]: item for item in tpch.write_product(project)}


@pytest.fixture(scope="module")
def built(
    tpch: Tpch,
    nodes: dict[str, TpchNode],
    spark: SparkSession,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Workbench:
    """A lake with the answers to all queries."""
    bench = Workbench(spark, tmp_path_factory.mktemp("tpch"))
    for item in nodes.values():
        result = build(bench, tpch, item)
        assert result["error"] is None, f"{item.node.key}: {result['error']}"
    return bench


def build(bench: Workbench, tpch: Tpch, item: TpchNode) -> dict[str, Any]:
    """Run the job of one node on the spec that its plan gives."""
    definition = item.definition
    output = definition["output"]
    if definition["kind"] == "ingest":
        file = tpch.file(output["dataset"])
        inputs: list[dict[str, Any]] = [
            {
                "kind": "files",
                "name": output["dataset"],
                "format": definition["source"]["format"],
                "options": definition["source"]["options"],
                "files": [{"uri": f"file://{file}", "etag": "0x1", "size_bytes": file.stat().st_size}],
                "columns": definition["columns"],
            }
        ]
    else:
        names = [item["name"] for item in definition["inputs"]]
        inputs = [{"kind": "table", "name": name, "uri": bench.table(name)} for name in names]
    return bench.run(
        kind=definition["kind"],
        dataset=output["dataset"],
        inputs=inputs,
        steps=definition["steps"],
        rules=definition["rules"],
        columns=output["columns"],
        mode=output["write"]["mode"],
    )


@pytest.mark.parametrize("query", [f"q{number:02}" for number in range(1, 23)])
def test_the_answer_is_that_of_duckdb(query: str, tpch: Tpch, built: Workbench) -> None:
    found = built.rows(f"{query}_answer")

    assert_same_rows(found, tpch.answer(query))


def assert_same_rows(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected)
    # A table has no order; numbers that may differ in their last digits are no good to sort by.
    for ours, theirs in zip(sorted(found, key=_key), sorted(expected, key=_key), strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            if isinstance(other, float):
                assert float(mine) == pytest.approx(other, rel=TOLERANCE, abs=TOLERANCE)
            else:
                assert _plain(mine) == _plain(other)


def _key(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(
        f"{float(value):020.2f}" if isinstance(value, float | Decimal) else str(value) for value in row
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
