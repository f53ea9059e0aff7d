"""Counting what lies staged: rows per file and per test, in one pass over a few small columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, functions

from spark_runtime.result import RuleResult
from spark_runtime.staging import CLOSING, Staged


@dataclass(frozen=True, slots=True)
class ClosedFile:
    """What the parser vouches for: the records of a file, or why the file is rejected.

    Attributes:
        closings: How often the file was read to its end; anything but 1 is a fault of the engine.
        staged: Rows of the file that arrived in the staging.
    """

    closings: int
    records: int
    staged: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts without the rows of rejected files.

    Attributes:
        files: By number of the file in the node spec.
    """

    rows: int
    refused: int
    rules: tuple[RuleResult, ...]
    files: Mapping[int, ClosedFile]

    @property
    def valid(self) -> int:
        return self.rows - self.refused

    @property
    def rejected(self) -> tuple[int, ...]:
        return tuple(number for number, file in self.files.items() if file.fault is not None)


def count_staged(staged: Staged, *, declared: frozenset[str]) -> Tally:
    """Count the staged rows.

    Args:
        declared: Names of the declared rules; they are told even if nothing failed, the built-in ones only if.
    """
    is_row = f"_lf_part <> {CLOSING}"
    counts = {
        "rows": is_row,
        "refused": f"{is_row} AND ({staged.refused})",
        "closings": f"_lf_part = {CLOSING}",
    }
    for at, test in enumerate(staged.tests):
        counts[f"failed{at}"] = f"{is_row} AND {test.failed}"
        counts[f"checked{at}"] = test.checked
    # Named before they are summed up: with one test only, `refused` and its own count are the same expression,
    # and Sail takes no aggregate twice.
    counted = staged.df.select(
        "_lf_file",
        "_lf_rows",
        _expression(f"CASE WHEN _lf_part = {CLOSING} THEN _lf_fault END", "_lf_closing_fault"),
        *(_one_where(condition, name) for name, condition in counts.items()),
    )
    by_file = counted.groupBy("_lf_file").agg(
        *(_expression(f"sum({name})", name) for name in counts),
        _expression("max(_lf_rows)", "records"),
        _expression("max(_lf_closing_fault)", "fault"),
    )
    groups = [row.asDict() for row in by_file.collect()]
    used = [group for group in groups if group["fault"] is None]
    return Tally(
        rows=_total(used, "rows"),
        refused=_total(used, "refused"),
        rules=_rule_results(staged, used, declared),
        files={
            group["_lf_file"]: ClosedFile(
                group["closings"], group["records"] or 0, group["rows"], group["fault"]
            )
            for group in groups
            if group["_lf_file"] is not None
        },
    )


def _rule_results(
    staged: Staged, groups: list[dict[str, Any]], declared: frozenset[str]
) -> tuple[RuleResult, ...]:
    results = []
    for at, test in enumerate(staged.tests):
        failed = _total(groups, f"failed{at}")
        if failed or test.name in declared:
            results.append(RuleResult(test.name, test.severity, _total(groups, f"checked{at}"), failed))
    return tuple(results)


def _total(groups: list[dict[str, Any]], name: str) -> int:
    return sum(group[name] for group in groups)


def _one_where(condition: str, name: str) -> Column:
    return _expression(f"CASE WHEN {condition} THEN 1L ELSE 0L END", name)


def _expression(text: str, name: str) -> Column:
    return functions.expr(text).alias(name)
