"""What Databricks serverless refuses and the laptop's engine accepts must not get into the runtime unnoticed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import spark_runtime
from spark_runtime.session import SETTINGS

FORBIDDEN = {
    *("rdd", "sparkContext", "sqlContext", "_jvm", "_jsc", "_jdf"),
    *("cache", "persist", "unpersist", "checkpoint", "localCheckpoint", "observe"),
    *("createGlobalTempView", "createOrReplaceGlobalTempView", "toPandas", "foreach", "foreachPartition"),
}
ALLOWED_SETTINGS = {
    "spark.sql.shuffle.partitions",
    "spark.sql.session.timeZone",
    "spark.sql.ansi.enabled",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.legacy.timeParserPolicy",
}


def modules() -> Iterator[tuple[Path, ast.AST]]:
    for path in Path(spark_runtime.__file__).parent.rglob("*.py"):
        yield path, ast.parse(path.read_text())


def test_no_call_that_serverless_refuses() -> None:
    found = [
        f"{path.name}:{node.lineno}: {node.attr}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN
    ]

    assert found == []


def test_only_settings_that_serverless_lets_a_job_set() -> None:
    setters = [
        path.name
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "conf"
    ]

    assert setters == ["session.py"]
    assert SETTINGS.keys() <= ALLOWED_SETTINGS
