"""What Databricks serverless refuses and the laptop's engine accepts must not get into the runtime unnoticed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import spark_runtime
from spark_runtime.session import SETTINGS
from tests.unit.spark_runtime.serverless_lint import ALLOWED_SETTINGS, findings

ROOT = Path(__file__).parents[3]


def modules() -> Iterator[Path]:
    yield from Path(spark_runtime.__file__).parent.rglob("*.py")
    # Functions of a product's folder run in the same jobs.
    yield from (ROOT / "data_products").rglob("*.py")


def test_no_call_that_serverless_refuses() -> None:
    found = [f"{path.name}:{finding}" for path in modules() for finding in findings(path.read_text())]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "df.rdd.map(f)",
        "spark.sparkContext.parallelize([1])",
        "df.cache()",
        "df.persist().count()",
        "df.checkpoint()",
        "spark.catalog.cacheTable('t')",
        "df.createOrReplaceGlobalTempView('t')",
        "spark.table('global_temp.t')",
        "spark.sql('CACHE TABLE t')",
        "spark.sql('  refresh table t')",
        "spark.sql('SET spark.sql.shuffle.partitions = 1')",
        "spark.conf.set('spark.sql.adaptive.enabled', 'false')",
        "SparkSession.builder.config('spark.executor.memory', '4g')",
        "df.write.option('mergeSchema', 'true')",
        "df.write.options(txnAppId='a', txnVersion=1)",
        "df.toPandas()",
        "df.foreach(print)",
        "df.observe(o)",
        "from pyspark import SparkContext",
        "import pyspark.rdd",
        "from delta.tables import DeltaTable",
        "open('/dbfs/tmp/x')",
        "spark.read.text('dbfs:/tmp/x')",
        "import sys\nsys.exit(0)",
        "exit()",
        "f = functions.input_file_name()",
    ],
)
def test_the_lint_finds(source: str) -> None:
    assert findings(source) != []


@pytest.mark.parametrize(
    "source",
    [
        '"""Nothing here is cached; CACHE TABLE is refused."""',
        "spark.conf.set('spark.sql.session.timeZone', 'UTC')",
        "df.createOrReplaceTempView('v')",
        "names.set('x', 1)",
        "functions.broadcast(df)",
        "df.write.option('replaceWhere', 'a = 1').save(uri)",
    ],
)
def test_the_lint_lets_pass(source: str) -> None:
    assert findings(source) == []


def test_only_settings_that_serverless_lets_a_job_set() -> None:
    setters = [
        path.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "conf"
    ]

    assert setters == ["session.py"]
    assert SETTINGS.keys() <= ALLOWED_SETTINGS


@pytest.mark.parametrize("minor", [11, 12])
def test_the_runtime_is_python_of_every_serverless_environment(minor: int) -> None:
    for path in modules():
        ast.parse(path.read_text(), filename=str(path), feature_version=(3, minor))
