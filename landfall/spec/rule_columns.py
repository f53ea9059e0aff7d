"""Holds quality rules against the columns of their dataset, and of the dataset in which they look something up."""

from collections.abc import Mapping, Sequence
from typing import Any

from landfall.spec.column_types import canonical_type, compared_as
from landfall.spec.expression_columns import misplaced_windows, ungrouped_columns
from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import Frame
from landfall.spec.literals import limit_problem
from landfall.spec.model import Check, Measure, QualityRule, Repair
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import (
    Path,
    Report,
    check_columns,
    check_condition,
    check_sort_entries,
    check_value,
)
from landfall.spec.value_steps import check_key, check_literal

_OF_TEXT = frozenset({Check.LENGTH, Check.NOT_EMPTY, Check.PATTERN, Check.PARSEABLE})
_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz"})
_NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "float", "double"})
_OF_VALUES = frozenset({Check.RANGE, Check.ACCEPTED_VALUES, Check.FORBIDDEN_VALUES})


def check_rule(rule: QualityRule, frame: Frame | None, referenced: Frame | None, report: Report) -> None:
    """Report what a rule names that is not there, or that is not of the kind the rule is about.

    Args:
        frame: Columns of the dataset; ``None`` if they are not known.
        referenced: Columns of the dataset that the rule looks something up in, if it does and they are known.
    """
    if rule.filter is not None:
        check_condition(rule.filter, frame, ("filter",), report, "the filter of a rule")
    match rule.check:
        case Check.EXPRESSION:
            check_condition(rule.config["expression"], frame, ("expression",), report, "a rule")
        case Check.ROW_COUNT:
            pass
        case Check.TOTAL:
            _check_total(rule.config["total"], frame, "total", report)
        case Check.EQUAL_TOTALS:
            _check_totals(rule.config, frame, referenced, report)
        case Check.SCHEMA:
            _check_schema(rule.config, frame, report)
        case _:
            _check_named_columns(rule, frame, report)
            if rule.references is not None:
                _check_reference(rule.config, frame, referenced, report)
    if "repair" in rule.config:
        _check_repair(rule, frame, report)


def _check_named_columns(rule: QualityRule, frame: Frame | None, report: Report) -> None:
    key = "columns" if "columns" in rule.config else "column"
    names = rule.config[key]
    columns = [names] if isinstance(names, str) else names
    check_columns(columns, frame, (key,), report)
    check_sort_entries(rule.config.get("order_by", ()), frame, ("order_by",), report)
    if frame is None:
        return
    if rule.check in _OF_TEXT:
        _check_kind(columns, frame, key, report, frozenset({"string"}), "text")
    if rule.check is Check.REGEX:
        _refuse_fractions(columns, frame, key, report)
    if rule.check is Check.FRESHNESS:
        _check_kind(columns, frame, key, report, _MOMENTS, "a date or timestamp")
    if rule.check is Check.AGGREGATE and rule.config["measure"] in (Measure.SUM, Measure.AVG):
        _check_kind(columns, frame, key, report, _NUMBERS, "a number")
    if rule.check in (Check.UNIQUE, Check.AGGREGATE, Check.FOREIGN_KEY):
        # All columns break ties where only the first of some rows stays.
        compared = [*columns, *frame] if rule.config.get("order_by") else columns
        _refuse_maps(compared, frame, key, report)
    if rule.check in _OF_VALUES or rule.config.get("measure") in (Measure.MIN, Measure.MAX):
        _check_limits(rule.config, columns[0], frame, report)


def _refuse_maps(names: Sequence[str], frame: Frame, key: str, report: Report) -> None:
    """Engines that compare maps at all do not agree about it."""
    for name in dict.fromkeys(names):
        kind = frame.type_of(name)
        if kind is not None and "map<" in kind:
            message = f"column '{name}' is {kind}, and maps cannot be compared"
            report((key,), SqlProblem("LF1029", message, "turn it into map_entries(…) in a step, or drop it"))
            return


def _check_limits(config: Mapping[str, Any], column: str, frame: Frame, report: Report) -> None:
    """Check that limits and listed values are of the column's kind, or engines would cast the column to theirs."""
    listed = enumerate(config.get("values") or ())
    limits: list[tuple[Path, Any]] = [(("values", number), value) for number, value in listed]
    limits += [((name,), config[name]) for name in ("min", "max") if config.get(name) is not None]
    for at, value in limits:
        problem = limit_problem(value, frame.type_of(column))
        if problem is not None:
            remedy = (
                f"write '{value}' in quotes" if frame.type_of(column) == "string" else "write such a value"
            )
            report(
                at, SqlProblem("LF1029", f"column '{column}' is {frame.type_of(column)}: {problem}", remedy)
            )


def _check_repair(rule: QualityRule, frame: Frame | None, report: Report) -> None:
    """Check that what a repair leaves is a value of its column."""
    config = rule.config
    repair = config["repair"]
    column = config["columns"][0] if "columns" in config else config["column"]
    if rule.check is Check.EXPRESSION:
        check_columns([column], frame, ("column",), report)
    kind = frame.type_of(column) if frame is not None else None
    if kind is None:
        return
    if kind == "binary" or kind.startswith(("array<", "map<", "struct<")):
        message = f"column '{column}' is {kind}, and only plain values are repaired"
        report(("repair",), SqlProblem("LF1029", message, "repair it in a step"))
    elif repair == Repair.TRIM and kind != "string":
        message = f"column '{column}' is {kind}, and only text is trimmed"
        report(("repair",), SqlProblem("LF1029", message, "choose another repair"))
    elif repair == Repair.CLAMP and rule.check is Check.RANGE:
        for key in ("min", "max"):
            if key in config:
                check_literal(config[key], column, frame, (key,), report)
    elif isinstance(repair, Mapping):
        if "default" in repair:
            check_literal(repair["default"], column, frame, ("repair", "default"), report)
        for old, new in repair.get("replace", {}).items():
            check_key(old, column, frame, ("repair", "replace", old), report)
            check_literal(new, column, frame, ("repair", "replace", old), report)


def _refuse_fractions(columns: Sequence[str], frame: Frame, key: str, report: Report) -> None:
    """Engines write such numbers as text in different ways."""
    for name in columns:
        kind = frame.type_of(name) or ""
        if kind in {"float", "double"} or "<" in kind:
            message = f"column '{name}' is {kind}, whose text differs from engine to engine"
            report(
                (key,), SqlProblem("LF1029", message, "use range or expression, or cast it to decimal(p,s)")
            )


def _check_kind(
    columns: Sequence[str], frame: Frame, key: str, report: Report, kinds: frozenset[str], wanted: str
) -> None:
    for number, name in enumerate(columns):
        kind = frame.type_of(name)
        if kind is not None and kind not in kinds and not (kinds is _NUMBERS and kind.startswith("decimal")):
            at: Path = (key, number) if key == "columns" else (key,)
            message = f"column '{name}' is {kind}, and this rule is about {wanted}"
            report(
                at, SqlProblem("LF1029", message, f"name a column of {wanted}, or write check: expression")
            )


def _check_reference(
    config: Mapping[str, Any], frame: Frame | None, referenced: Frame | None, report: Report
) -> None:
    """Check the columns in which a rule looks values up: there, and text where it looks up text."""
    if referenced is None:
        return
    single = "column" in config
    key = "to" if "to" in config else ("column" if single else "columns")
    own, other = (
        [config[name]] if single else config[name] for name in ("column" if single else "columns", key)
    )
    check_columns(other, referenced, (key,), report)
    for number, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        kinds = (frame and frame.type_of(mine), referenced.type_of(theirs))
        if None not in kinds and len({compared_as(str(kind)) for kind in kinds}) > 1:
            message = (
                f"column '{mine}' is {kinds[0]} and '{theirs}' of '{config['references']}' is {kinds[1]}"
            )
            at: Path = (key,) if single else (key, number)
            report(at, SqlProblem("LF1029", message, "cast one of them in a step"))


def _check_totals(
    config: Mapping[str, Any], frame: Frame | None, referenced: Frame | None, report: Report
) -> None:
    _check_total(config["total"], frame, "total", report)
    key = "of" if "of" in config else "total"
    _check_total(config[key], referenced, key, report)


def _check_total(text: str, frame: Frame | None, key: str, report: Report) -> None:
    tree = check_value(text, frame, (key,), report, "a total")
    for problem in (
        () if tree is None else (*ungrouped_columns(tree, ()), *misplaced_windows(tree, "a total"))
    ):
        report((key,), problem)


def _check_schema(config: Mapping[str, Any], frame: Frame | None, report: Report) -> None:
    """A schema that the product itself contradicts would stop every run."""
    if frame is None:
        return
    expected: Mapping[str, str] = config["columns"]
    for name, kind in expected.items():
        check_columns([name], frame, ("columns", name), report)
        actual = frame.type_of(name)
        if actual is not None and actual != canonical_type(kind):
            message = f"column '{name}' is {actual}, and the rule expects {kind}"
            report(("columns", name), SqlProblem("LF1029", message, "correct the rule, or cast the column"))
    listed = {name.casefold() for name in expected}
    extra = [name for name in frame if name.casefold() not in listed]
    if config.get("extra") is False and extra:
        message = f"the rule does not list column '{extra[0]}'"
        remedy = nearest_remedy(extra[0], expected, "list it, or remove extra: false")
        report(("columns",), SqlProblem("LF1029", message, remedy))
