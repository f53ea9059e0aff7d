"""The quality rules of a node, as the node spec says them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from spark_runtime.spec_object import SpecObject


class Severity(StrEnum):
    """Warn publishes the row, quarantine sets it aside, fail publishes nothing, correct repairs the row.

    A row that a repair does not help is set aside.
    """

    WARN = "warn"
    QUARANTINE = "quarantine"
    FAIL = "fail"
    CORRECT = "correct"


class Check(StrEnum):
    NOT_NULL = "not_null"
    UNIQUE = "unique"
    RANGE = "range"
    ACCEPTED_VALUES = "accepted_values"
    REGEX = "regex"
    EXPRESSION = "expression"
    LENGTH = "length"
    NOT_EMPTY = "not_empty"
    FORBIDDEN_VALUES = "forbidden_values"
    PATTERN = "pattern"
    FOREIGN_KEY = "foreign_key"
    ROW_COUNT = "row_count"
    NULL_SHARE = "null_share"
    PARSEABLE = "parseable"
    FRESHNESS = "freshness"
    AGGREGATE = "aggregate"
    TOTAL = "total"
    EQUAL_TOTALS = "equal_totals"
    SCHEMA = "schema"


# Checks of all rows together, which no single row can fail.
TABLE_CHECKS = frozenset(
    {
        Check.ROW_COUNT,
        Check.NULL_SHARE,
        Check.FRESHNESS,
        Check.AGGREGATE,
        Check.TOTAL,
        Check.EQUAL_TOTALS,
        Check.SCHEMA,
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A test on rows.

    Attributes:
        filter: SQL condition; rows that do not meet it are not tested.
        max_failed_rows: Most rows that may fail before the node does, whatever the severity; ``None`` is any.
        max_failed_share: The same as a share of the tested rows, from 0 to 1.
    """

    name: str
    check: Check
    severity: Severity
    config: Mapping[str, Any]
    filter: str | None = None
    max_failed_rows: int | None = None
    max_failed_share: float | None = None

    @property
    def looks_up(self) -> bool:
        """Whether the rule compares single rows with what another table holds."""
        return self.check not in TABLE_CHECKS and "references" in self.config

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with anything that decides what the rule does."""
        said = [
            self.check,
            self.severity,
            self.config,
            self.filter,
            self.max_failed_rows,
            self.max_failed_share,
        ]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def parse_rule(item: SpecObject) -> Rule:
    """Return what an object of ``rules`` in a spec says; its faults are noted in the object."""
    rule = Rule(
        name=item.text("name"),
        check=item.choice("check", Check, Check.EXPRESSION),
        severity=item.choice("severity", Severity, Severity.QUARANTINE),
        config=item.mapping("config"),
        filter=item.text("filter", optional=True) or None,
        max_failed_rows=item.maybe("max_failed_rows", int),
        max_failed_share=item.maybe("max_failed_share", float),
    )
    item.refuse_unknown()
    return rule
