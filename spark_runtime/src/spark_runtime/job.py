"""What surrounds one job, and what it has found out so far."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter

from pyspark.sql import SparkSession

from spark_runtime.failures import Failure
from spark_runtime.portable.dialect import Dialect
from spark_runtime.result import (
    FileResult,
    InputResult,
    LoadMode,
    LoadResult,
    NodeResult,
    NodeStatus,
    OutputResult,
    ReleasedFrom,
    RuleResult,
    Stop,
)
from spark_runtime.spec import NodeSpec
from spark_runtime.steps.context import ViewNames
from spark_runtime.tables import Tables

log = logging.getLogger("spark_runtime")


@dataclass(frozen=True, slots=True)
class Job:
    """One execution of one attempt.

    Attributes:
        token: Distinguishes this execution from a second one of the same attempt.
        started_at: Written to ``_ingested_at`` and ``_quarantined_at``.
    """

    spark: SparkSession
    spec: NodeSpec
    token: str
    started_at: datetime
    views: ViewNames
    tables: Tables
    dialect: Dialect
    findings: "Findings"


@dataclass(slots=True)
class Findings:
    """Facts for the result, noted when they are known, so that a failed job can still tell them."""

    rows_read: int = 0
    rows_published: int = 0
    rows_quarantined: int = 0
    rules: tuple[RuleResult, ...] = ()
    stopped_by: tuple[Stop, ...] = ()
    files: tuple[FileResult, ...] = ()
    released: tuple[ReleasedFrom, ...] = ()
    output: OutputResult | None = None
    inputs: tuple[InputResult, ...] = ()
    load: LoadResult | None = None
    timings_s: dict[str, float] = field(default_factory=dict)

    @property
    def starts_anew(self) -> bool:
        """Whether an incremental node reads everything, so that what it appended before is there again."""
        return self.load is not None and self.load.mode is LoadMode.FULL

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the seconds that the block takes to a phase."""
        started = perf_counter()
        try:
            yield
        finally:
            self.timings_s[name] = self.timings_s.get(name, 0.0) + perf_counter() - started

    def as_result(self, spec: NodeSpec, failure: Failure | None) -> NodeResult:
        return NodeResult(
            spec=spec,
            status=NodeStatus.SUCCEEDED if failure is None else NodeStatus.FAILED,
            rows_read=self.rows_read,
            rows_published=self.rows_published,
            rows_quarantined=self.rows_quarantined,
            rules=self.rules,
            stopped_by=self.stopped_by,
            files=self.files,
            released=self.released,
            output=self.output,
            inputs=self.inputs,
            load=self.load,
            timings_s=self.timings_s,
            error=failure,
        )
