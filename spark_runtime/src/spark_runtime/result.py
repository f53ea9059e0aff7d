"""The node result: what one job did, as the document that the orchestration reads."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from spark_runtime.failures import Failure
from spark_runtime.load_spec import TableState
from spark_runtime.rule_spec import Severity
from spark_runtime.spec import NodeSpec


class NodeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class FileStatus(StrEnum):
    DONE = "done"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How many rows a rule tested and refused (or, for severity warn, flagged).

    Attributes:
        rows_corrected: Published rows that the rule repaired; ``None`` for one that repairs nothing. Rows that its
            repair did not help are among the failed ones.
        version: Hash of what the rule says; ``None`` for a built-in one.
        seconds: What the pass took in which the rule was tested; other rules were tested in it too.
        samples: Keys of rows that failed, a few at most, as ``order_id=7``; no other values.
        detail: What a rule on the whole table measured, where it is broken.
    """

    name: str
    severity: Severity
    rows_checked: int
    rows_failed: int
    rows_corrected: int | None = None
    version: str | None = None
    seconds: float = 0.0
    samples: tuple[str, ...] = ()
    detail: str | None = None


class Limit(StrEnum):
    """What may stop a node although its rows could be read and tested."""

    SEVERITY = "severity"
    MAX_FAILED_ROWS = "max_failed_rows"
    MAX_FAILED_SHARE = "max_failed_share"
    MAX_QUARANTINED_SHARE = "max_quarantined_share"


@dataclass(frozen=True, slots=True)
class Stop:
    """A limit that stopped a node.

    Attributes:
        rule: The rule it belongs to; ``None`` for one of the dataset.
        setting: A ``Limit``, or of a number of rows the setting that was not met: ``min``, ``max``, ``max_change``.
        found: What was measured: rows, or a share from 0 to 1; ``None`` where the message alone can say it.
        allowed: The most that may be; for ``min`` the least.
        message: All of it in words.
    """

    rule: str | None
    setting: str
    found: float | None
    allowed: float | None
    message: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one landed file; ``reason`` says why a rejected one could not be read at all."""

    uri: str
    status: FileStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class ReleasedFrom:
    """A run and a file of it of which rows that were refused then have now been published."""

    run_id: str
    file: str


@dataclass(frozen=True, slots=True)
class OutputResult:
    """The table as it stands after the write; ``columns`` are pairs of name and Spark SQL type."""

    name: str
    uri: str
    version: int | None
    columns: tuple[tuple[str, str], ...]


class LoadMode(StrEnum):
    FULL = "full"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How an incremental node read its first input; ``reason`` says since when, or why everything."""

    mode: LoadMode
    reason: str


@dataclass(frozen=True, slots=True)
class InputResult:
    """What a node read of an input; ``state`` is ``None`` where its version is not known."""

    name: str
    state: TableState | None


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What one job did.

    Attributes:
        rows_read: Rows that reached the quality rules, plus those refused while reading or casting.
        stopped_by: Limits because of which nothing was published.
        released: Where the published rows come from, of a node that released rows from quarantine.
        inputs: Versions of the tables that an incremental node read.
        load: How it read the first of them; ``None`` for a node that reads everything each time.
        timings_s: Seconds per phase.
    """

    spec: NodeSpec
    status: NodeStatus
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
    error: Failure | None = None

    def to_json(self) -> str:
        """Return the document of ``node_result.schema.json`` on one line."""
        return json.dumps(self.to_document(), ensure_ascii=False, separators=(",", ":"))

    def to_document(self) -> dict[str, Any]:
        """Return the document of ``node_result.schema.json``."""
        output = self.output
        return {
            "schema_version": 1,
            "run_id": self.spec.run_id,
            "node": self.spec.node,
            "attempt": self.spec.attempt,
            "status": self.status,
            "rows_read": self.rows_read,
            "rows_published": self.rows_published,
            "rows_quarantined": self.rows_quarantined,
            "rules": [
                {
                    "name": rule.name,
                    "severity": rule.severity,
                    "rows_checked": rule.rows_checked,
                    "rows_failed": rule.rows_failed,
                    "rows_corrected": rule.rows_corrected,
                    "version": rule.version,
                    "seconds": round(rule.seconds, 3),
                    "samples": list(rule.samples),
                    "detail": rule.detail,
                }
                for rule in self.rules
            ],
            "stopped_by": [asdict(stop) for stop in self.stopped_by],
            "files": [{"uri": file.uri, "status": file.status, "reason": file.reason} for file in self.files],
            "released": [asdict(item) for item in self.released],
            "output": None
            if output is None
            else {
                "name": output.name,
                "uri": output.uri,
                "version": output.version,
                "columns": [{"name": name, "type": kind} for name, kind in output.columns],
            },
            "inputs": [
                {
                    "name": item.name,
                    "version": None if item.state is None else item.state.version,
                    "stamp": None if item.state is None else item.state.stamp,
                }
                for item in self.inputs
            ],
            "load": None if self.load is None else {"mode": self.load.mode, "reason": self.load.reason},
            "timings_s": {phase: round(seconds, 3) for phase, seconds in self.timings_s.items()},
            "error": None
            if self.error is None
            else {"code": self.error.code, "kind": self.error.kind, "message": self.error.message},
        }
