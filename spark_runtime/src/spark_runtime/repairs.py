"""Repairs that rules of severity ``correct`` declare: made before any rule tests the rows, in the same pass.

A value that breaks such a rule is replaced, and what it was goes along in ``_corrections``. Repairs are made in the
order of the rules, each on what those before it left. The rules are tested afterwards like all others: a row that its
repair did not help is refused.

A repair is computed in layers of selects (does the value break the rule, what takes its place, did that change it), so
that an expression which answers differently each time is asked once.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from spark_runtime.casts import Conversion
from spark_runtime.errors import RuleRefused
from spark_runtime.literals import typed_key, typed_literal
from spark_runtime.patterns import WHITE_SPACE
from spark_runtime.rule_spec import TABLE_CHECKS, Check, Rule, Severity
from spark_runtime.rules import existing_column, row_test
from spark_runtime.sql import quoted, text_literal
from spark_runtime.staged_column import Kept, StagedColumn
from spark_runtime.verdict import Test

CORRECTIONS = "_corrections"
CORRECTIONS_TYPE = "array<string>"
NO_CORRECTIONS = f"CAST(array() AS {CORRECTIONS_TYPE})"
# Holds, in staged rows, what becomes ``_corrections``.
FIXES = "_lf_fixes"
_NOT_OF_ONE_VALUE = TABLE_CHECKS | {Check.UNIQUE, Check.FOREIGN_KEY}


@dataclass(frozen=True, slots=True)
class Repair:
    """What takes the place of a value that breaks a rule.

    Attributes:
        rule: Name of the rule.
        column: The column that is repaired.
        failing: SQL condition, never null, under which its value breaks the rule.
        value: SQL of what takes its place, of the column's type.
        reads: SQL that may name further columns.
    """

    rule: str
    column: str
    failing: str
    value: str
    reads: str = ""

    def may_read(self, column: str) -> bool:
        """Return whether the repair depends on what another one may have left in ``column``."""
        named = rf"(?<!\w){re.escape(column)}(?!\w)"
        return column == self.column or re.search(named, self.reads, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Repaired:
    """Rows after their repairs.

    Attributes:
        df: Holds the columns that ``columns`` name as their sources, ``carried`` and ``kept``.
        columns: What to stage; their values are typed and repaired, their sources are as they were read.
        tests: One per repair that a row fails if it was repaired.
        carried: Columns that the tests read.
        kept: Columns to stage with the rows.
    """

    df: DataFrame
    columns: tuple[StagedColumn, ...]
    tests: tuple[Test, ...] = ()
    carried: tuple[str, ...] = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)


def compile_repairs(rules: Sequence[Rule], types: Mapping[str, str]) -> tuple[Repair, ...]:
    """Return what the rules of severity ``correct`` repair, in their order.

    Args:
        types: Columns of the rows, and their Spark SQL types.

    Raises:
        RuleRefused: A rule cannot be repaired like that; all faults at once.
    """
    found, faults = [], []
    for rule in rules:
        if rule.severity is not Severity.CORRECT:
            continue
        try:
            found.append(_repair(rule, types))
        except RuleRefused as error:
            faults.append(str(error))
    if faults:
        raise RuleRefused("; ".join(faults))
    return tuple(found)


def repair_rows(
    df: DataFrame, columns: Sequence[StagedColumn], repairs: Sequence[Repair], *, keep: Sequence[str]
) -> Repaired:
    """Return the rows typed and repaired.

    Args:
        df: Holds the columns that ``columns`` name as their sources.
        repairs: What to repair; without any the rows come back as they are.
        keep: Further columns of ``df`` that are read later.
    """
    if not repairs:
        return Repaired(df, tuple(columns))
    typed = [f"{column.conversion.value} AS {quoted(column.name)}" for column in columns]
    read = {
        f"_lf_o{at}": column.as_read(column.source, column.conversion.value)
        for at, column in enumerate(columns)
    }
    lost = {f"_lf_l{at}": column.conversion.lost for at, column in enumerate(columns)}
    known = {name: sql for name, sql in lost.items() if sql is not None}
    rows = df.selectExpr(*typed, *(f"({sql}) AS {name}" for name, sql in {**read, **known}.items()), *keep)
    kept = [*read, *known, *keep]
    for first, those in _rounds(repairs):
        rows = _one_round(rows, columns, those, first, kept)
        kept += [name for at in range(first, first + len(those)) for name in (_mark(at), _former(at))]
    told = [
        f"CASE WHEN {_mark(at)} THEN {_note(repair, _former(at))} END" for at, repair in enumerate(repairs)
    ]
    marks = [_mark(at) for at in range(len(repairs))]
    # Most rows are as they should be, and building a list for each of them is what would cost.
    fixes = f"CASE WHEN {' OR '.join(marks)} THEN filter(array({', '.join(told)}), note -> note IS NOT NULL) "
    rows = rows.selectExpr("*", f"{fixes} ELSE {NO_CORRECTIONS} END AS {FIXES}")
    after = [
        StagedColumn(
            column.name,
            column.type,
            f"_lf_o{at}",
            Conversion(quoted(column.name), f"_lf_l{at}" if lost[f"_lf_l{at}"] is not None else None),
            column.nullable,
            column.lost_as,
            column.source_type,
            parts=column.parts,
        )
        for at, column in enumerate(columns)
    ]
    tests = [
        Test(repair.rule, Severity.CORRECT, mark, "") for repair, mark in zip(repairs, marks, strict=True)
    ]
    return Repaired(
        rows, tuple(after), tuple(tests), tuple(marks), {FIXES: Kept(CORRECTIONS_TYPE, NO_CORRECTIONS)}
    )


def _rounds(repairs: Sequence[Repair]) -> Iterator[tuple[int, list[Repair]]]:
    """Yield repairs that do not depend on each other, with the number of the first of them."""
    first, those = 0, list(repairs[:1])
    for at, repair in enumerate(repairs[1:], 1):
        if any(repair.may_read(other.column) for other in those):
            yield first, those
            first, those = at, []
        those.append(repair)
    yield first, those


def _one_round(
    rows: DataFrame,
    columns: Sequence[StagedColumn],
    repairs: Sequence[Repair],
    first: int,
    kept: Sequence[str],
) -> DataFrame:
    numbered = list(enumerate(repairs, first))
    failing = rows.selectExpr("*", *(f"({repair.failing}) AS _lf_f{at}" for at, repair in numbered))
    replaced = failing.selectExpr(
        "*",
        *(
            f"CASE WHEN _lf_f{at} THEN {repair.value} ELSE {quoted(repair.column)} END AS _lf_w{at}"
            for at, repair in numbered
        ),
    )
    new = {repair.column: f"_lf_w{at}" for at, repair in numbered}
    types = {column.name: column.type for column in columns}
    marked = []
    for at, repair in numbered:
        own = quoted(repair.column)
        changed = f"_lf_f{at} AND NOT ({own} <=> _lf_w{at})"
        marked.append(f"({changed}) AS {_mark(at)}")
        marked.append(f"CASE WHEN {changed} THEN {_text(own, types[repair.column])} END AS {_former(at)}")
    values = [f"{new.get(column.name, quoted(column.name))} AS {quoted(column.name)}" for column in columns]
    return replaced.selectExpr(*values, *kept, *marked)


def _mark(at: int) -> str:
    """Return the column that says whether a repair changed a row."""
    return f"_lf_x{at}"


def _former(at: int) -> str:
    """Return the column that holds, as text, what a repair replaced."""
    return f"_lf_v{at}"


def _text(column: str, kind: str) -> str:
    text = f"CAST({column} AS string)"
    if kind not in {"float", "double"}:
        return text
    # Sail writes inf, which no engine reads back.
    return f"replace({text}, 'inf', 'Infinity')"


def _note(repair: Repair, former: str) -> str:
    """Return SQL of what is told of a repair, as JSON; engines disagree about nulls in ``to_json``."""
    front = f'{{"rule":{json.dumps(repair.rule)},"column":{json.dumps(repair.column, ensure_ascii=False)},"value":'
    # Of {"v":"text"} the quoted text.
    as_json = f"to_json(named_struct('v', {former}))"
    value = f"CASE WHEN {former} IS NULL THEN 'null' ELSE substring({as_json}, 6, length({as_json}) - 6) END"
    return f"concat({text_literal(front)}, {value}, '}}')"


def _repair(rule: Rule, types: Mapping[str, str]) -> Repair:
    if rule.check in _NOT_OF_ONE_VALUE or rule.looks_up:
        raise RuleRefused(
            f"rule '{rule.name}': {rule.check} compares rows or tables, and no single value is wrong; "
            "its severity is warn, quarantine or fail"
        )
    column = _repaired_column(rule, types)
    kind = types[column]
    if kind == "binary" or kind.startswith(("array<", "map<", "struct<")):
        raise RuleRefused(
            f"rule '{rule.name}': column '{column}' is {kind}, and only plain values are repaired"
        )
    try:
        value = _value(rule, column, kind)
    except ValueError as error:
        raise RuleRefused(f"rule '{rule.name}': {error}") from error
    reads = " ".join(str(text) for text in (rule.config.get("expression"), rule.filter) if text)
    return Repair(rule.name, column, row_test(rule, types).failing, value, reads)


def _repaired_column(rule: Rule, types: Mapping[str, str]) -> str:
    listed = rule.config.get("columns")
    name = listed[0] if isinstance(listed, list) and len(listed) == 1 else rule.config.get("column")
    if not isinstance(name, str):
        raise RuleRefused(f"rule '{rule.name}': a repair needs the one column that it is about")
    return existing_column(rule, name, types)


def _value(rule: Rule, column: str, kind: str) -> str:
    repair = rule.config.get("repair")
    if repair == "trim":
        if kind != "string":
            raise ValueError(f"column '{column}' is {kind}, and only text is trimmed")
        return f"regexp_replace({quoted(column)}, {text_literal(f'^{WHITE_SPACE}+|{WHITE_SPACE}+$')}, '')"
    if repair == "to_null":
        return f"CAST(NULL AS {kind})"
    if repair == "clamp":
        return _clamped(rule, column, kind)
    if isinstance(repair, dict) and list(repair) == ["default"]:
        return typed_literal(repair["default"], kind)
    if isinstance(repair, dict) and list(repair) == ["replace"] and isinstance(repair["replace"], dict):
        cases = " ".join(
            f"WHEN {quoted(column)} = {typed_key(old, kind)} THEN {typed_literal(new, kind)}"
            for old, new in repair["replace"].items()
        )
        return f"CASE {cases} ELSE {quoted(column)} END"
    raise ValueError(f"repair {repair!r} is not trim, clamp, to_null, default: or replace:")


def _clamped(rule: Rule, column: str, kind: str) -> str:
    if rule.check is Check.LENGTH and rule.config.get("max") is not None:
        return f"substring({quoted(column)}, 1, {int(rule.config['max'])})"
    if rule.check is not Check.RANGE:
        raise ValueError("clamp needs the limits of a range, or the max of a length")
    low, high = (_limit(rule.config.get(name), kind) for name in ("min", "max"))
    if low is None or high is None:
        return str(low or high)
    return f"CASE WHEN {quoted(column)} < {low} THEN {low} ELSE {high} END"


def _limit(value: Any, kind: str) -> str | None:
    return None if value is None else typed_literal(value, kind)
