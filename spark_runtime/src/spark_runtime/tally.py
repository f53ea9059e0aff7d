"""Counting what lies staged: rows per file and per test, in one pass over a few small columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pyspark.sql import Column, DataFrame, functions

from spark_runtime.result import RuleResult
from spark_runtime.rule_spec import Rule, Severity
from spark_runtime.staged import CLOSING, ROW, PlacedTest, Staged

# Keys of failing rows that a result names per rule, at most.
SAMPLES = 5


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
        files: By number of the file.
        rejected: Numbers of the files whose rows do not count.
    """

    rows: int
    refused: int
    rules: tuple[RuleResult, ...]
    files: Mapping[int, ClosedFile]
    rejected: tuple[int, ...]

    @property
    def valid(self) -> int:
        return self.rows - self.refused


def count_staged(staged: Staged, *, declared: Sequence[Rule] = (), owners: Sequence[int] = ()) -> Tally:
    """Count the staged rows.

    Args:
        declared: The declared rules; they are told even if nothing failed, the built-in ones only if.
        owners: Per file what it belongs to: of files that belong together all are rejected or none.
    """
    started = perf_counter()
    counts = {
        "rows": ROW,
        "refused": f"{ROW} AND ({staged.refused})",
        "closings": f"_lf_part = {CLOSING}",
    }
    for at, test in enumerate(staged.tests):
        # A repair counts where it can be seen: in a row that no other test refuses.
        published = f" AND NOT ({staged.refused})" if test.severity is Severity.CORRECT else ""
        counts[f"failed{at}"] = f"{ROW} AND {test.failed}{published}"
    # Most tests are made on the same rows.
    checked = {text: f"checked{at}" for at, text in enumerate(dict.fromkeys(t.checked for t in staged.tests))}
    counts |= {name: text for text, name in checked.items()}
    groups = _groups(_by_verdict(staged), counts)
    files = _files(groups)
    rejected = _rejected(files, owners)
    used = [group for group in groups if group["_lf_file"] not in rejected]
    return Tally(
        rows=_total(used, "rows") if staged.rest is None else staged.rest.total,
        refused=_total(used, "refused"),
        rules=_rule_results(staged, used, declared, checked, started),
        files=files,
        rejected=rejected,
    )


def _groups(by_verdict: DataFrame, counts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return, per file and group of keys, how many rows meet each of the conditions ``counts``, and one key of them.

    A row for each of them, and not a column: Spark compiles what it sums up, and dozens of columns take it seconds.
    """
    names = list(counts)
    met = ", ".join(f"CASE WHEN {condition} THEN {at} END" for at, condition in enumerate(counts.values()))
    rows = (
        by_verdict.select("*", _expression(f"explode(array({met}))", "_lf_met"))
        .where("_lf_met IS NOT NULL")
        .groupBy("_lf_file", "_lf_sample", "_lf_met")
        .agg(
            _expression("sum(_lf_count)", "counted"),
            _expression("min(_lf_key)", "smallest"),
            _expression("max(_lf_records)", "records"),
            _expression("max(_lf_closing_fault)", "fault"),
        )
        .collect()
    )
    groups: dict[tuple[int | None, int], dict[str, Any]] = {}
    for row in rows:
        place = (row["_lf_file"], row["_lf_sample"])
        group = groups.setdefault(
            place, {"_lf_file": place[0], "records": 0, "fault": None} | dict.fromkeys(names, 0)
        )
        name = names[row["_lf_met"]]
        group[name] = row["counted"]
        group[_key_of(name)] = row["smallest"]
        group["records"] = max(group["records"], row["records"] or 0)
        group["fault"] = group["fault"] or row["fault"]
    return list(groups.values())


def _key_of(name: str) -> str:
    return f"key of {name}"


def _by_verdict(staged: Staged) -> DataFrame:
    """Return how many rows of a file have the same verdict.

    These are few, so what is then asked about each test is asked of few rows.
    """
    key = staged.key_text
    decided = (*staged.decided_by, "_lf_fault")
    rows = staged.df.select(
        "_lf_file",
        "_lf_rows",
        *staged.decided_by,
        # Only whether there is one: each may be worded for its row.
        _expression("CASE WHEN _lf_fault IS NOT NULL THEN '' END", "_lf_fault"),
        _expression(f"CASE WHEN _lf_part = {CLOSING} THEN _lf_fault END", "_lf_closing_fault"),
        _expression("CAST(NULL AS string)" if key is None else key, "_lf_key"),
    )
    # Rows fall into a few groups by their key, so that the smallest key of each is a sample.
    groups = "0" if key is None else f"pmod(crc32(encode(_lf_key, 'UTF-8')), {SAMPLES})"
    return (
        rows.select("*", _expression(groups, "_lf_sample"))
        .groupBy("_lf_file", "_lf_sample", *decided)
        .agg(
            _expression("count(1)", "_lf_count"),
            _expression("min(_lf_key)", "_lf_key"),
            _expression("max(_lf_rows)", "_lf_records"),
            _expression("max(_lf_closing_fault)", "_lf_closing_fault"),
        )
    )


def _files(groups: list[dict[str, Any]]) -> dict[int, ClosedFile]:
    files: dict[int, ClosedFile] = {}
    for group in groups:
        number = group["_lf_file"]
        if number is not None:
            before = files.get(number, ClosedFile(0, 0, 0, None))
            files[number] = ClosedFile(
                before.closings + group["closings"],
                max(before.records, group["records"]),
                before.staged + group["rows"],
                before.fault or group["fault"],
            )
    return files


def _rejected(files: Mapping[int, ClosedFile], owners: Sequence[int]) -> tuple[int, ...]:
    broken = {owners[number] for number, file in files.items() if file.fault is not None}
    return tuple(number for number in files if owners[number] in broken)


def _rule_results(
    staged: Staged,
    groups: list[dict[str, Any]],
    declared: Sequence[Rule],
    checked: Mapping[str, str],
    started: float,
) -> tuple[RuleResult, ...]:
    said = {rule.name: rule for rule in declared}
    seconds = staged.seconds + perf_counter() - started
    corrected = {
        test.name: _total(groups, f"failed{at}")
        for at, test in enumerate(staged.tests)
        if test.severity is Severity.CORRECT
    }
    results = []
    for at, test in enumerate(staged.tests):
        if test.severity is Severity.CORRECT:
            continue
        failed = _total(groups, f"failed{at}")
        rule = said.get(test.name)
        if failed or rule is not None:
            results.append(
                RuleResult(
                    test.name,
                    test.severity if rule is None else rule.severity,
                    _checked(staged, groups, test, checked[test.checked]),
                    failed,
                    rows_corrected=corrected.get(test.name),
                    version=None if rule is None else rule.version,
                    seconds=seconds,
                    samples=_samples(groups, _key_of(f"failed{at}")),
                )
            )
    return tuple(results)


def _checked(staged: Staged, groups: list[dict[str, Any]], test: PlacedTest, name: str) -> int:
    among_staged, rest = _total(groups, name), staged.rest
    if rest is None:
        return among_staged
    return rest.filtered.get(test.name, among_staged + rest.total - _total(groups, "rows"))


def _samples(groups: list[dict[str, Any]], name: str) -> tuple[str, ...]:
    found = {group[name] for group in groups if group.get(name) is not None}
    return tuple(sorted(found)[:SAMPLES])


def _total(groups: list[dict[str, Any]], name: str) -> int:
    return sum(group[name] for group in groups)


def _expression(text: str, name: str) -> Column:
    return functions.expr(text).alias(name)
