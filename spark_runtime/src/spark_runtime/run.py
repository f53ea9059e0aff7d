"""``run_node``: the whole of a job, a node spec in and a node result out."""

from datetime import UTC, datetime
from time import perf_counter
from traceback import format_tb
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from pyspark.sql import SparkSession

from spark_runtime.delta import DeltaTables
from spark_runtime.errors import MissingDataFile
from spark_runtime.failures import Failure, describe_failure, missing_file
from spark_runtime.held_rows import discard_held
from spark_runtime.held_spec import HeldAct
from spark_runtime.ingest import ingest
from spark_runtime.input_spec import FilesInput, TableInput
from spark_runtime.job import Findings, Job, log
from spark_runtime.log_words import words_for_a_log
from spark_runtime.portable.dialect import Dialect
from spark_runtime.result import NodeResult
from spark_runtime.spec import NodeKind, NodeSpec
from spark_runtime.steps.context import ViewNames
from spark_runtime.tables import Tables
from spark_runtime.transform import transform


def run_node(spark: SparkSession, spec: NodeSpec, tables: Tables | None = None) -> NodeResult:
    """Build one node: read, transform, test, publish the valid rows and quarantine the others.

    Running the same run, node and attempt again leaves the same table. A failure is a result as well: it carries
    the code, whom it concerns and the message, and everything that was found out before it.

    Args:
        tables: Where the tables are; Delta tables of the engine unless given.
    """
    findings = Findings()
    token = uuid4().hex[:12]
    failure: Failure | None = None
    started = perf_counter()
    try:
        views, dialect = ViewNames(token), Dialect.of(spark)
        tables = tables or DeltaTables(spark, is_sail=not dialect.is_spark)
        _build(Job(spark, spec, token, datetime.now(UTC), views, tables, dialect, findings))
    # The outermost edge of a job: what is not told here is told to nobody.
    except Exception as error:
        failure = describe_failure(_told_of_input(error, spec))
        told = words_for_a_log(failure.code, failure.kind, failure.message)
        # Not the exception itself: its text would follow the stack.
        stack = "".join(format_tb(error.__traceback__))
        log.error("%s: %s (%s): %s\n%s", type(error).__name__, failure.code, failure.kind, told, stack)
    findings.timings_s["total"] = perf_counter() - started
    return findings.as_result(spec, failure)


def _told_of_input(error: Exception, spec: NodeSpec) -> Exception:
    """Return the error as one of the input whose data file an engine does not find; engines name the file alone."""
    path = missing_file(error)
    if path is None:
        return error
    for item in spec.inputs:
        if isinstance(item, TableInput):
            folder = unquote(urlsplit(item.uri).path).strip("/")
            _, found, file = unquote(path).partition(f"{folder}/")
            if found and "/_delta_log/" not in f"/{file}":
                return MissingDataFile(item.name, item.uri, item.version, file)
    return error


def _build(job: Job) -> None:
    spec = job.spec
    if spec.held is not None and spec.held.act is HeldAct.DISCARD:
        discard_held(job, spec.held)
    elif spec.kind is NodeKind.INGEST:
        ingest(job, next(item for item in spec.inputs if isinstance(item, FilesInput)))
    elif spec.kind is NodeKind.TRANSFORM:
        transform(job, [item for item in spec.inputs if isinstance(item, TableInput)])
