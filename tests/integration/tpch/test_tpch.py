"""All 22 questions of TPC-H as transformations of one product, each answered as DuckDB answers it."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.integration.spark_runtime.conftest import azurite_port, engine, spark  # noqa: F401 - fixtures
from tests.integration.spark_runtime.workbench import Workbench
from tests.integration.tpch.answers import assert_same_rows, build
from tests.integration.tpch.generated import QUESTIONS, Tpch, TpchNode, load_nodes

SCALE = 0.1
CACHE = Path(__file__).parents[3] / ".landfall" / "cache" / f"tpch-{SCALE:g}"


@pytest.fixture(scope="module")
def tpch() -> Tpch:
    return Tpch(SCALE, CACHE)


@pytest.fixture(scope="module")
def nodes() -> list[TpchNode]:
    return load_nodes()


@pytest.fixture(scope="module")
def built(
    tpch: Tpch,
    nodes: list[TpchNode],
    spark: SparkSession,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Workbench:
    """A lake with the answers to all questions."""
    bench = Workbench(spark, tmp_path_factory.mktemp("tpch"))
    for item in nodes:
        result = build(bench, tpch, item)
        assert result["error"] is None, f"{item.node.key}: {result['error']}"
    return bench


def test_the_product_declares_the_tables_as_they_are_generated(tpch: Tpch, nodes: list[TpchNode]) -> None:
    landed = [item.definition for item in nodes if item.definition["kind"] == "ingest"]

    declared = {
        item["output"]["dataset"]: {column["name"]: column["type"] for column in item["columns"]}
        for item in landed
    }

    assert declared == {table: tpch.columns(table) for table in tpch.tables()}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_that_of_duckdb(question: str, tpch: Tpch, built: Workbench) -> None:
    found = built.rows(question)

    assert_same_rows(found, tpch.answer(question))
