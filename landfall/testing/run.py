"""Runs tests of a product: each builds one node from its given rows, and what came is compared."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from landfall.planning.plan import NodeKind
from landfall.spec.landing_patterns import captured_types
from landfall.spec.model import TABLE_CHECKS, Dataset, Product
from landfall.spec.model import Severity as DeclaredSeverity
from landfall.spec.product_test_model import Batch, Expectation, Given, ProductTest, Row
from landfall.testing.course import Course
from landfall.testing.difference import (
    Difference,
    compare_rows,
    expected_refusals,
    found_refusals,
    with_reasons,
    without_empty_lists,
)
from landfall.testing.fixtures import ShownRow, frame_of, shown_rows
from landfall.testing.landed import landed_input
from landfall.testing.nodes import Nodes
from landfall.testing.places import Place, WrongFixture
from landfall.testing.values import inferred_types
from spark_runtime.delta import DeltaTables
from spark_runtime.ingest import LOAD_TYPES
from spark_runtime.repairs import CORRECTIONS, CORRECTIONS_TYPE
from spark_runtime.result import FileStatus, NodeResult
from spark_runtime.run import run_node
from spark_runtime.session import SETTINGS
from spark_runtime.spec import parse_node_spec
from spark_runtime.sql import text_literal

_GATES_CLOSED = frozenset({"LF4521", "LF4522"})
_WARNINGS = "_warnings"


@dataclass(frozen=True, slots=True)
class ProductTestResult:
    """How one test ended.

    Attributes:
        difference: What is not as expected; empty if the test passed.
    """

    product: str
    test: ProductTest
    seconds: float
    difference: Difference

    @property
    def passed(self) -> bool:
        return not self.difference

    def to_payload(self) -> dict[str, Any]:
        return {
            "product": self.product,
            "test": self.test.name,
            "subject": self.test.subject,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "path": self.test.path,
            "line": self.test.line,
            **self.difference.to_payload(),
        }


@contextmanager
def open_session(address: str) -> Iterator[SparkSession]:
    """Open a session of an engine as a job has it, and end it."""
    session = SparkSession.builder.remote(address).create()
    try:
        for key, value in SETTINGS.items():
            session.conf.set(key, value)
        yield session
    finally:
        session.stop()


class Bench:
    """Builds nodes of a project's products in a folder.

    Args:
        products: Every product of the project that is sound, for the columns of ports.
        folder: An empty folder for tables.
    """

    def __init__(self, spark: SparkSession, products: Sequence[Product], folder: Path) -> None:
        self._spark = spark
        self._folder = folder
        self._products = {product.key: Nodes(product) for product in products}
        self._types: dict[tuple[str, str], Mapping[str, str]] = {}
        self._places = 0
        # A rule that stops a node is an answer here; the log of the job would tell it as a failure.
        logging.getLogger("spark_runtime").addHandler(logging.NullHandler())

    def run(self, product: str, test: ProductTest) -> ProductTestResult:
        """Run one test; whatever goes wrong with its rows is a difference, not an exception."""
        started = perf_counter()
        try:
            difference = self._compare(self._products[product], test)
        except (WrongFixture, PySparkException) as error:
            difference = Difference(reason=str(error))
        return ProductTestResult(product, test, perf_counter() - started, difference)

    def _compare(self, nodes: Nodes, test: ProductTest) -> Difference:
        several = len(test.batches) > 1
        course = Course(self._spark, self._new_place(), of_several=several)
        for number, batch in enumerate(test.batches, 1):
            expect = batch.expect or Expectation()
            result = self._build(
                nodes, test.subject, batch, course, test_path=test.path, table_rules=expect.stopped_by
            )
            difference = self._compare_batch(result, batch, course, test.path)
            if difference:
                return replace(difference, batch=number) if several else difference
            course.move_on(nodes.definition(test.subject), result)
        return Difference()

    def _compare_batch(self, result: NodeResult, batch: Batch, course: Course, test_path: str) -> Difference:
        if batch.expect is not None and batch.expect.rejected:
            return _compare_rejected(result, batch.expect.rejected)
        # A limit of the dataset has no rule, and is called what its key is called.
        stopped_by = sorted({stop.rule or stop.setting for stop in result.stopped_by})
        if result.error is not None and result.error.code not in _GATES_CLOSED:
            return Difference(reason=f"{result.error.code} {result.error.message}")
        wanted = sorted(batch.expect.stopped_by) if batch.expect is not None else []
        if result.error is not None or wanted:
            if stopped_by == wanted:
                return Difference()
            return Difference(reason=f"{_stopped(stopped_by)}; expected: {_stopped(wanted)}")
        expect = batch.expect
        if expect is None:
            return Difference()
        missing, unexpected = self._compare_rows(result, expect, test_path)
        quarantined = self._quarantined(course, result)
        found = found_refusals([(row, rules) for row, rules, _ in quarantined], expect.refused)
        refused_missing, refused = compare_rows(expected_refusals(expect.refused), found)
        explained = with_reasons(refused, found, [reason for _, _, reason in quarantined])
        return Difference("", missing, unexpected, refused_missing, explained)

    def _compare_rows(
        self, result: NodeResult, expect: Expectation, test_path: str
    ) -> tuple[tuple[ShownRow, ...], tuple[ShownRow, ...]]:
        expected = expect.rows or ()
        assert result.output is not None  # noqa: S101  a node that succeeded has one
        table = self._spark.read.format("delta").load(result.output.uri)
        types = dict(result.output.columns)
        named = {name.casefold() for row in expected for name in row}
        # Without an expected row, all columns but the runtime's own are shown.
        chosen = {
            name: kind
            for name, kind in types.items()
            if (name.casefold() in named if named else not name.startswith("_"))
        }
        unknown = sorted(named - {name.casefold() for name in types})
        if unknown:
            raise WrongFixture(f"the result has no column {', '.join(unknown)}; it has {', '.join(types)}")
        place = Place("expected rows", test_path, expect.lines)
        wanted = shown_rows(frame_of(self._spark, expected, chosen, place), chosen) if expected else []
        return compare_rows(without_empty_lists(wanted), without_empty_lists(shown_rows(table, chosen)))

    def _quarantined(self, course: Course, result: NodeResult) -> list[tuple[str, list[str], str]]:
        """Return each row that this run refused, with its rules and the reason."""
        if not result.rows_quarantined:
            return []
        rows = (
            self._spark.read.format("delta")
            .load(str(course.quarantine))
            .where(f"_run_id = {text_literal(course.run_id)}")
            .select("_row", "_rules", "_reason")
            .collect()
        )
        return [(str(row[0]), list(row[1]), str(row[2])) for row in rows]

    def _build(
        self,
        nodes: Nodes,
        subject: str,
        batch: Batch,
        course: Course,
        *,
        test_path: str = "",
        table_rules: Sequence[str] = (),
    ) -> NodeResult:
        """Build one node from given rows; what is not given is empty.

        Args:
            test_path: The file of the test.
            table_rules: Rules on the whole table to test; the few rows of other tests would break them all.
        """
        definition = nodes.definition(subject)
        output = nodes.dataset(definition["output"]["dataset"])
        uri = course.place / "tables" / output.name
        if definition["kind"] == NodeKind.INGEST:
            place = _place(test_path, batch, output.name)
            folder = course.place / "landed" / course.run_id
            landed = batch.given.get(output.name, ())
            inputs = [landed_input(self._spark, landed, output, nodes.source(output), folder, place)]
        else:
            inputs = [
                self._table(nodes, definition, item, batch, course, test_path)
                for item in definition["inputs"]
            ]
            before = batch.given.get(output.name, ())
            if before:
                types = self._types_of(nodes, output.name)
                DeltaTables(self._spark).create_if_missing(str(uri), types)
                rows = frame_of(self._spark, _rows(before), types, _place(test_path, batch, output.name))
                rows.write.format("delta").mode("append").save(str(uri))
        spec = {
            "schema_version": 1,
            "run_id": course.run_id,
            "product": nodes.product.key,
            "node": subject,
            "attempt": 1,
            "kind": definition["kind"],
            "inputs": inputs,
            "steps": definition["steps"],
            "rules": [
                rule
                for rule in definition["rules"]
                if rule["check"] not in TABLE_CHECKS or rule["name"] in table_rules
            ],
            "output": {
                "name": output.name,
                "uri": str(uri),
                "quarantine_uri": str(course.quarantine),
                "columns": definition["output"]["columns"],
                "write": definition["output"]["write"],
                "max_quarantined_share": definition["output"].get("max_quarantined_share"),
            },
            "run_date": course.run_date,
            "former_rows": course.former_rows,
            "load": course.load(definition, inputs),
            "result_uri": str(course.place / f"result{course.number}"),
        }
        return run_node(self._spark, parse_node_spec(json.dumps(spec)))

    def _table(
        self,
        nodes: Nodes,
        definition: Mapping[str, Any],
        item: Mapping[str, Any],
        batch: Batch,
        course: Course,
        test_path: str,
    ) -> dict[str, Any]:
        """Write the rows given for one input and return its entry in the node spec; without any it stays as it is."""
        name = item["name"]
        given = batch.given.get(name)
        entry = {"kind": "table", "name": name, "uri": course.table(name)}
        if given is None and course.number > 1:
            return entry
        owner = self._products.get(item["product"])
        rows = _rows(given or ())
        types = inferred_types(rows) if owner is None else self._types_of(owner, item["dataset"])
        types = types or inferred_types(rows)
        if not types:
            raise WrongFixture(
                f"the columns of '{name}' are declared nowhere in this project; give at least one row of it"
            )
        is_first = item is definition["inputs"][0]
        adds = (
            owner.is_added_to(item["dataset"])
            if owner is nodes
            else is_first and definition["load"] is not None
        )
        frame = frame_of(self._spark, rows, types, _place(test_path, batch, name))
        course.write(name, frame, types, adds=adds)
        return entry

    def _types_of(self, nodes: Nodes, name: str) -> Mapping[str, str]:
        """Return the columns of a dataset's table: as declared, else as its node builds them from nothing."""
        key = (nodes.product.key, name)
        if key not in self._types:
            self._types[key] = self._find_types(nodes, nodes.dataset(name))
        return self._types[key]

    def _find_types(self, nodes: Nodes, dataset: Dataset) -> Mapping[str, str]:
        types = {column.name: column.type for column in dataset.columns}
        types |= captured_types(dataset.landing or "")
        flagging = (rule for rule in dataset.quality if rule.check not in TABLE_CHECKS)
        if any(rule.severity is DeclaredSeverity.WARN for rule in flagging):
            types[_WARNINGS] = "array<string>"
        if any(rule.severity is DeclaredSeverity.CORRECT for rule in dataset.quality):
            types[CORRECTIONS] = CORRECTIONS_TYPE
        if dataset.landing is not None:
            return types | LOAD_TYPES if dataset.columns else {}
        builder = nodes.builder(dataset.name)
        if dataset.columns:
            return types | ({"_run_id": "string"} if nodes.appends(builder) else {})
        result = self._build(nodes, builder, Batch({}, None), Course(self._spark, self._new_place()))
        if result.error is not None or result.output is None:
            reason = result.error.message if result.error is not None else "it says nothing"
            raise WrongFixture(f"the columns of '{dataset.name}' cannot be told: {reason}")
        return dict(result.output.columns)

    def _new_place(self) -> Path:
        self._places += 1
        return self._folder / str(self._places)


def _rows(given: Given) -> tuple[Row, ...]:
    return given if isinstance(given, tuple) else ()


def _place(test_path: str, batch: Batch, dataset: str) -> Place:
    return Place(f"given {dataset}", test_path, batch.lines.get(dataset, ()))


def _compare_rejected(result: NodeResult, words: str) -> Difference:
    reasons = [file.reason or "" for file in result.files if file.status is FileStatus.REJECTED]
    if any(words.casefold() in reason.casefold() for reason in reasons):
        return Difference()
    if reasons:
        return Difference(reason=f"rejected: {'; '.join(reasons)}; expected: {words}")
    ended = "the file was taken in" if result.error is None else f"{result.error.code} {result.error.message}"
    return Difference(reason=f"{ended}; expected: rejected, {words}")


def _stopped(rules: Sequence[str]) -> str:
    return f"stopped by {', '.join(rules)}" if rules else "published"
