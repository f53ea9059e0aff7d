"""The entry point of the job: ``run --spec-uri=…`` reads a node spec, builds the node and writes the result."""

import argparse
import logging
import sys

from pyspark.sql import SparkSession

from spark_runtime.errors import InvalidNodeSpec, RuntimeFault
from spark_runtime.failures import describe_failure
from spark_runtime.log_words import words_for_a_log
from spark_runtime.pack import PackSpec, find_pack, run_pack
from spark_runtime.result import NodeResult
from spark_runtime.run import run_node
from spark_runtime.session import open_session
from spark_runtime.spec import NodeSpec, parse_node_spec

log = logging.getLogger("spark_runtime")
# PySpark writes the error of a query to stderr as it raises it: its message, which may have values of rows, and
# a stack of a hundred lines, also where a job asks just to see whether something fails.
_PYSPARK_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


class NodeFailed(RuntimeError):
    """The node failed; its message is ``CODE (kind): what happened`` in one line.

    As a rule the result says why as well. Where none could be written, because the engine went away, this
    line in the job's output is all that says whether another attempt may do better.
    """


def run() -> None:
    """Run the job that ``sys.argv`` names; return on success, raise on failure.

    Databricks calls this without arguments and takes any exit, even ``sys.exit(0)``, for a failure.

    Raises:
        InvalidNodeSpec: There is no spec, or not a valid one, so that no result could be written.
        NodeFailed: The node failed; its result was written unless the engine went away.
    """
    uri = _parse_arguments(sys.argv[1:])
    _log_to_stdout()
    try:
        run_spec(open_session(), uri)
    except (InvalidNodeSpec, NodeFailed):
        raise
    except Exception as error:
        failure = describe_failure(error)
        raise _node_failed(failure.code, failure.kind, failure.message) from error


def run_spec(spark: SparkSession, spec_uri: str) -> tuple[NodeResult, ...]:
    """Run the node, or the pack of nodes, whose spec lies at an address; write the results and return them.

    Raises:
        InvalidNodeSpec: There is no spec, or not a valid one.
        NodeFailed: The node failed, or one of the pack; the results were written.
    """
    text = _read_text(spark, spec_uri)
    pack = find_pack(text)
    if pack is not None:
        results = _run_pack(spark, pack)
    else:
        results = (_build(spark, parse_node_spec(text)),)
        _write_text(spark, results[0].to_json(), results[0].spec.result_uri)
    for result in results:
        if result.error is not None:
            error = result.error
            what = words_for_a_log(error.code, error.kind, error.message)
            # Of several the first; each node has its own in its result.
            raise _node_failed(
                error.code, error.kind, what if pack is None else f"{result.spec.node}: {what}"
            )
    return results


def _run_pack(spark: SparkSession, spec: PackSpec) -> tuple[NodeResult, ...]:
    log.info("run %s, %s: %d nodes", spec.run_id, spec.pack, len(spec.nodes))
    executed = run_pack(
        spec, lambda node: _build(spark, node), lambda uri, text: _write_text(spark, text, uri)
    )
    results = tuple(item.result for item in executed)
    failed = sum(result.error is not None for result in results)
    log.info("%s: %d of %d nodes built, %d failed", spec.pack, len(results) - failed, len(spec.nodes), failed)
    return results


def _build(spark: SparkSession, spec: NodeSpec) -> NodeResult:
    _log_about(spec)
    log.info("run %s, node %s (%s), attempt %d", spec.run_id, spec.node, spec.kind, spec.attempt)
    result = run_node(spark, spec)
    log.info("%s in %.2f s", result.status, result.timings_s["total"])
    return result


def _node_failed(code: str, kind: str, message: str) -> NodeFailed:
    # One line: of a longer message the platform keeps the last line as the error.
    return NodeFailed(f"{code} ({kind}): {' '.join(message.split())}")


def _parse_arguments(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--spec-uri", required=True, help="address of the node spec")
    return str(parser.parse_args(arguments).spec_uri)


def _log_to_stdout() -> None:
    """Print this package's log lines; the root logger belongs to the surroundings."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    for name in _PYSPARK_LOGGERS:
        logging.getLogger(name).disabled = True


def _log_about(spec: NodeSpec) -> None:
    """Let every further line say what it is about, trace and span of the attempt included."""
    names = {"product": spec.product, "run": spec.run_id, "node": spec.node, "attempt": str(spec.attempt)}
    _, trace, span, *_ = (spec.trace.get("traceparent", "") + "---").split("-")
    told = " ".join(
        f"{name}={value}" for name, value in {**names, "trace": trace, "span": span}.items() if value
    )
    # A percent sign is a place of the format; none of the names has one.
    formatter = logging.Formatter(f"%(asctime)s %(levelname)s %(message)s [{told}]")
    for handler in log.handlers:
        handler.setFormatter(formatter)


def _read_text(spark: SparkSession, uri: str) -> str:
    rows = spark.read.text(uri, wholetext=True).collect()
    if len(rows) != 1:
        raise InvalidNodeSpec(f"there is no node spec at {uri}")
    return str(rows[0][0])


def _write_text(spark: SparkSession, text: str, uri: str) -> None:
    """Write one text file into a folder, in place of what was there."""
    # Spark would give each of its cores a file, empty ones among them.
    spark.createDataFrame([(text,)], "value string").coalesce(1).write.mode("overwrite").text(uri)


__all__ = ["InvalidNodeSpec", "NodeFailed", "RuntimeFault", "run", "run_spec"]
