"""Finds in source what Databricks serverless refuses or takes otherwise, and the laptop's engine lets pass."""

import ast
import re
from collections.abc import Iterator

ALLOWED_SETTINGS = frozenset(
    {
        "spark.sql.shuffle.partitions",
        "spark.sql.session.timeZone",
        "spark.sql.ansi.enabled",
        "spark.sql.files.maxPartitionBytes",
        "spark.sql.legacy.timeParserPolicy",
        "spark.databricks.execution.timeout",
    }
)
# There is no JVM and no RDD behind Spark Connect.
_CLASSIC = {"rdd", "sparkContext", "sqlContext", "_sc", "_jvm", "_jsc", "_jdf", "_jsparkSession", "toJSON"}
_CLASSIC |= {"foreach", "foreachPartition", "addFile", "addPyFile", "addJar", "setLogLevel", "newSession"}
_KEPT = {"cache", "persist", "unpersist", "checkpoint", "localCheckpoint", "storageLevel"}
_KEPT |= {"cacheTable", "uncacheTable", "clearCache", "refreshTable", "refreshByPath", "recoverPartitions"}
_GLOBAL = {"createGlobalTempView", "createOrReplaceGlobalTempView", "dropGlobalTempView", "registerTempTable"}
# Brings all rows to the driver, or is not there on the laptop's engine.
_OTHER = {
    "toPandas",
    "toLocalIterator",
    "observe",
    "registerJavaFunction",
    "registerJavaUDAF",
    "input_file_name",
}
FORBIDDEN = frozenset(_CLASSIC | _KEPT | _GLOBAL | _OTHER)
_MODULES = (
    "pyspark.context",
    "pyspark.rdd",
    "pyspark.streaming",
    "pyspark.mllib",
    "pyspark.sql.classic",
    "delta",
    "py4j",
)
_NAMES = frozenset({"SparkContext", "SQLContext", "HiveContext", "SparkConf"})
# Options that one engine ignores without a word, and the settings of the same name.
_OPTIONS = frozenset({"mergeSchema", "txnAppId", "txnVersion", "partitionOverwriteMode"})
_SQL = re.compile(
    r"(?i)^\s*(?:un)?cache\s+table\b|^\s*refresh\s+(?:table\s)?|^\s*set\s+[\w.]+\s*=|^\s*add\s+jar\b|\bglobal_temp\.|"
    r"\bdbfs:|^/dbfs/|\btransform\s+using\b"
)


def findings(source: str) -> list[str]:
    """Return ``line: what`` for each finding in the source of a module."""
    tree = ast.parse(source)
    prose = {id(node) for node in _docstrings(tree)}
    found = []
    for node in ast.walk(tree):
        if id(node) not in prose:
            found += [f"{getattr(node, 'lineno', 0)}: {what}" for what in _in_node(node)]
    return found


def _docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _in_node(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN | _NAMES:
        yield node.attr
    if isinstance(node, ast.Name) and node.id in _NAMES | {"exit", "quit"}:
        yield node.id
    if isinstance(node, ast.ImportFrom | ast.Import):
        yield from _imported(node)
    if isinstance(node, ast.Call):
        yield from _called(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.search(node.value):
        yield f"{node.value.strip()[:40]!r}"


def _imported(node: ast.ImportFrom | ast.Import) -> Iterator[str]:
    module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        name = f"{module}.{alias.name}".lstrip(".")
        if alias.name in _NAMES or any(name == one or name.startswith(f"{one}.") for one in _MODULES):
            yield f"import of {name}"


def _called(node: ast.Call) -> Iterator[str]:
    function = node.func
    if not isinstance(function, ast.Attribute):
        return
    first = node.args[0] if node.args else None
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    if function.attr == "option" and text in _OPTIONS:
        yield f"option {text}"
    if function.attr == "options":
        yield from (f"option {word.arg}" for word in node.keywords if word.arg in _OPTIONS)
    is_setting = function.attr in {"set", "config"} and text is not None and text.startswith("spark.")
    if is_setting and text not in ALLOWED_SETTINGS:
        yield f"setting {text}"
    # The way out of a wheel task is to return or to raise: any exit counts as a failure.
    if (
        function.attr in {"exit", "_exit"}
        and isinstance(function.value, ast.Name)
        and function.value.id in {"sys", "os"}
    ):
        yield f"{function.value.id}.{function.attr}"
