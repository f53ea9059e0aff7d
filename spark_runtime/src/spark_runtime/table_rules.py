"""Rules about all rows that a node publishes, taken together: how many, how new, what they come to.

They are tested on the staged rows that passed all other rules, before anything is written. No single row breaks such a
rule, so none can be quarantined or flagged for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter
from typing import Any

from pyspark.sql import DataFrame, functions

from spark_runtime.casts import same_type
from spark_runtime.errors import RuleRefused
from spark_runtime.frame import Frame, find_name, types_of
from spark_runtime.portable.dialect import Dialect
from spark_runtime.result import Limit, RuleResult, Stop
from spark_runtime.rule_spec import TABLE_CHECKS, Check, Rule, Severity
from spark_runtime.rules import existing_column, refuse_maps, typed_bound
from spark_runtime.sql import quoted
from spark_runtime.staged import Staged
from spark_runtime.totals import Limits, differ, totals_of

FORMER_RUNS = 5
_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules on a table compare it with, beside its own rows.

    Attributes:
        now: Aware instant from which ages are counted.
        former_rows: Rows that former runs published, the newest first.
        inputs: Tables that totals are compared with, by name.
        dialect: How the engine reads the SQL of totals.
    """

    now: datetime
    former_rows: Sequence[int] = ()
    inputs: Mapping[str, Frame] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says.

    Attributes:
        failed: How many rows speak against it, 0 if it is met.
        measured: What was found, in words.
        limit: Of a number of rows that is not met: the setting, what was found, and what it allows.
    """

    failed: int
    measured: str
    limit: tuple[str, float, float] | None = None


@dataclass(frozen=True, slots=True)
class TableRule:
    """A rule on the rows that meet its filter.

    Attributes:
        values: SQL of what is measured of each row, by the name under which ``aggregates`` read it.
        aggregates: SQL over those, named in braces.
        answers: SQL over the aggregates, named in braces; what ``judge`` gets to see.
        judge: Called with the number of tested rows and the answers by name.
    """

    rule: Rule
    judge: Callable[[int, Mapping[str, Any]], Finding]
    values: Mapping[str, str] = field(default_factory=dict)
    aggregates: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def tested(self) -> str:
        """SQL condition, never null, that a row is tested."""
        return f"coalesce(({self.rule.filter}), false)" if self.rule.filter else "true"


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """What a rule says of a table.

    Attributes:
        result: ``rows_failed`` are the rows that are missing or too many, the nulls of a share that is too high,
            or all rows; 0 if the rule is met.
        stop: What to tell if it is not, and of severity ``fail``.
    """

    result: RuleResult
    stop: Stop


def compile_table_rules(
    rules: Sequence[Rule], types: Mapping[str, str], around: Surroundings
) -> tuple[TableRule, ...]:
    """Return the rules of ``rules`` that are about all rows together.

    Args:
        types: Columns of the table, and their Spark SQL types.

    Raises:
        RuleRefused: A rule names a column that is not there, lacks a setting, or has a severity that needs rows
            to refuse; all faults at once.
    """
    compiled, faults = [], []
    for rule in rules:
        if rule.check not in TABLE_CHECKS:
            continue
        try:
            if rule.severity is Severity.QUARANTINE:
                raise RuleRefused(
                    f"rule '{rule.name}': {rule.check} is about all rows; its severity is warn or fail"
                )
            compiled.append(_COMPILERS[rule.check](rule, types, around))
        except RuleRefused as error:
            faults.append(str(error))
    if faults:
        raise RuleRefused("; ".join(faults))
    return tuple(compiled)


def judge_table(
    staged: Staged, rules: Sequence[TableRule], around: Surroundings, *, rejected: Sequence[int]
) -> tuple[TableVerdict, ...]:
    """Measure the rows to be published, in one pass for all rules but totals, and return what each rule says.

    Args:
        rejected: Numbers of files whose rows are not published.
    """
    if not rules:
        return ()
    started = perf_counter()
    valid = staged.valid_rows(rejected=rejected)
    measured = _measure(valid, rules, around.dialect)
    verdicts = []
    for at, item in enumerate(rules):
        rows: int = measured[f"rows{at}"]
        values = {name: measured[f"a{at}_{name}"] for name in item.answers}
        if item.rule.check in (Check.TOTAL, Check.EQUAL_TOTALS):
            others = {name: frame.df for name, frame in around.inputs.items()}
            values = totals_of(item.rule, valid.where(item.tested), others, around.dialect)
        finding = item.judge(rows, values)
        name = item.rule.name
        result = RuleResult(
            name,
            item.rule.severity,
            rows,
            finding.failed,
            version=item.rule.version,
            seconds=perf_counter() - started,
            detail=finding.measured if finding.failed else None,
        )
        setting, found, allowed = finding.limit or (Limit.SEVERITY, None, None)
        stop = Stop(name, setting, found, allowed, f"{name}: {finding.measured}")
        verdicts.append(TableVerdict(result, stop))
    return tuple(verdicts)


def _measure(valid: DataFrame, rules: Sequence[TableRule], dialect: Dialect) -> dict[str, Any]:
    # Named before they are summed up: Sail takes no aggregate twice, and two rules may measure the same.
    columns: list[str] = []
    sums: dict[str, str] = {}
    answers: list[str] = []
    for at, item in enumerate(rules):
        columns.append(f"CASE WHEN {item.tested} THEN 1L ELSE 0L END AS rows{at}")
        sums[f"rows{at}"] = f"coalesce(sum(rows{at}), 0L)"
        answers.append(f"rows{at}")
        named = {name: f"v{at}_{name}" for name in item.values}
        columns += [
            f"CASE WHEN {item.tested} THEN {sql} END AS {named[name]}" for name, sql in item.values.items()
        ]
        summed = {name: f"m{at}_{name}" for name in item.aggregates}
        sums |= {summed[name]: sql.format(**named) for name, sql in item.aggregates.items()}
        answers += [f"{sql.format(**summed)} AS a{at}_{name}" for name, sql in item.answers.items()]
    named_rows = valid.selectExpr(*columns)
    if not dialect.is_spark and any(item.rule.check is Check.AGGREGATE for item in rules):
        # The least of doubles with NaN among them, a sum of more than 38 digits.
        types = types_of(named_rows)
        sums = {name: dialect.over_columns(types, sql) for name, sql in sums.items()}
    aggregated = named_rows.agg(*(functions.expr(sql).alias(name) for name, sql in sums.items()))
    return dict(aggregated.selectExpr(*answers).collect()[0].asDict())


def _row_count(rule: Rule, _types: Mapping[str, str], around: Surroundings) -> TableRule:
    least, most = rule.config.get("min"), rule.config.get("max")
    change = rule.config.get("max_change")
    if least is None and most is None and change is None:
        raise RuleRefused(f"rule '{rule.name}': row_count needs min, max or max_change")
    former = around.former_rows[: rule.config.get("former_runs") or FORMER_RUNS]
    usual = median(former) if former else 0

    def judge(rows: int, _values: Mapping[str, Any]) -> Finding:
        failed = max((least or 0) - rows, 0 if most is None else rows - most, 0)
        if failed:
            limits = f"{least or 0} to {'any' if most is None else most}"
            broken = ("min", rows, least or 0) if rows < (least or 0) else ("max", rows, most or 0)
            return Finding(failed, f"{rows} rows, where {limits} are expected", broken)
        if change is not None and usual and abs(rows - usual) > change * usual:
            told = f"{rows} rows, which is {rows / usual - 1:+.1%} of the {usual:g} of the last {len(former)} runs"
            changed = ("max_change", abs(rows / usual - 1), change)
            return Finding(max(round(abs(rows - usual)), 1), f"{told}, more than {change:.1%}", changed)
        return Finding(0, f"{rows} rows")

    return TableRule(rule, judge)


def _null_share(rule: Rule, types: Mapping[str, str], _around: Surroundings) -> TableRule:
    column = existing_column(rule, rule.config.get("column"), types)
    most = rule.config.get("max")
    if not isinstance(most, int | float):
        raise RuleRefused(f"rule '{rule.name}': null_share needs max, a share from 0 to 1")

    def judge(rows: int, values: Mapping[str, Any]) -> Finding:
        share = values["nulls"] / rows if rows else 0.0
        told = f"{column} is null in {share:.2%} of {rows} rows"
        return Finding(values["nulls"], f"{told}, more than {most:.2%}") if share > most else Finding(0, told)

    values = {"null": f"CASE WHEN {quoted(column)} IS NULL THEN 1L ELSE 0L END"}
    return TableRule(rule, judge, values, {"nulls": "coalesce(sum({null}), 0L)"}, {"nulls": "{nulls}"})


def _freshness(rule: Rule, types: Mapping[str, str], around: Surroundings) -> TableRule:
    column = existing_column(rule, rule.config.get("column"), types)
    limit = rule.config.get("max_age_s")
    if types[column] not in _MOMENTS:
        raise RuleRefused(f"rule '{rule.name}': column '{column}' is {types[column]}, no date or timestamp")
    if not isinstance(limit, int | float):
        raise RuleRefused(f"rule '{rule.name}': freshness needs max_age_s, seconds")

    def judge(rows: int, values: Mapping[str, Any]) -> Finding:
        if values["newest"] is None:
            return Finding(max(rows, 1), f"{column} has no value")
        age = around.now.timestamp() - values["newest"] / 1e6
        told = f"the newest {column} is {timedelta(seconds=round(age))} old"
        if age <= limit:
            return Finding(0, told)
        return Finding(max(rows, 1), f"{told}, more than {timedelta(seconds=limit)}")

    # Microseconds since 1970: a date counts from its midnight, a reading of a clock as one in UTC.
    values = {"moment": f"unix_micros(CAST({quoted(column)} AS timestamp))"}
    return TableRule(rule, judge, values, {"newest": "max({moment})"}, {"newest": "{newest}"})


def _aggregate(rule: Rule, types: Mapping[str, str], _around: Surroundings) -> TableRule:
    column = existing_column(rule, rule.config.get("column"), types)
    measure = str(rule.config.get("measure"))
    if measure not in _MEASURES:
        raise RuleRefused(f"rule '{rule.name}': measure '{measure}' is not one of {', '.join(_MEASURES)}")
    refuse_maps(rule, [column], types)
    kind = types[column]
    value, aggregate, bound_kind = _MEASURES[measure](quoted(column), kind)
    bounds = {
        name: f"{{found}} {operator} {_bound(rule, key, bound_kind)}"
        for name, operator, key in (("low", ">=", "min"), ("high", "<=", "max"))
        if rule.config.get(key) is not None
    }
    if not bounds:
        raise RuleRefused(f"rule '{rule.name}': aggregate needs min, max or both")

    def judge(rows: int, values: Mapping[str, Any]) -> Finding:
        told = f"{measure} of {column} is {values['found']}"
        # A null answer passes: without a value there is nothing to be outside of the limits.
        if all(values[name] is not False for name in bounds):
            return Finding(0, told)
        limits = f"{rule.config.get('min', 'any')} to {rule.config.get('max', 'any')}"
        return Finding(max(rows, 1), f"{told}, where {limits} is expected")

    answers = {"found": "CAST({found} AS string)", **bounds}
    return TableRule(rule, judge, {"value": value}, {"found": aggregate}, answers)


def _bound(rule: Rule, key: str, kind: str) -> str:
    """Return the literal of a limit, for use in a text with names in braces."""
    text = typed_bound(rule.config[key], kind, rule)
    return text.replace("{", "{{").replace("}", "}}")


def _total(rule: Rule, _types: Mapping[str, str], _around: Surroundings) -> TableRule:
    total = rule.config.get("total")
    if not isinstance(total, str):
        raise RuleRefused(f"rule '{rule.name}': total needs an aggregate")
    limits = Limits.of(rule)

    def judge(rows: int, values: Mapping[str, Any]) -> Finding:
        found = values["own"]
        if found is not None and not isinstance(found, int | float | Decimal):
            raise RuleRefused(f"rule '{rule.name}': {total} is no number")
        told = f"{total} is {found}"
        # A null answer passes: without a value there is nothing to be outside of the limits.
        if found is None or limits.hold(found):
            return Finding(0, told)
        return Finding(max(rows, 1), f"{told}, where {limits} is expected")

    return TableRule(rule, judge)


def _equal_totals(rule: Rule, _types: Mapping[str, str], around: Surroundings) -> TableRule:
    table = str(rule.config.get("references"))
    if table not in around.inputs:
        known = ", ".join(around.inputs) or "none"
        raise RuleRefused(f"rule '{rule.name}': there is no input '{table}'; there are {known}")
    if not isinstance(rule.config.get("total"), str):
        raise RuleRefused(f"rule '{rule.name}': equal_totals needs total, an aggregate")
    tolerance = rule.config.get("tolerance") or 0

    def judge(rows: int, values: Mapping[str, Any]) -> Finding:
        # The sum of no rows is null, and means nothing at all.
        own, other = values["own"] or 0, values["other"] or 0
        told = f"{rule.config['total']} is {own}, and {other} in {table}"
        return Finding(max(rows, 1) if differ(own, other, tolerance) else 0, told)

    return TableRule(rule, judge)


def _schema(rule: Rule, types: Mapping[str, str], _around: Surroundings) -> TableRule:
    expected = rule.config.get("columns")
    if not isinstance(expected, dict) or not expected:
        raise RuleRefused(f"rule '{rule.name}': schema needs columns with their types")
    found = {name: find_name(name, types) for name in expected}
    faults = [f"there is no column '{name}'" for name, own in found.items() if own is None]
    faults += [
        f"'{name}' is {types[own]}, not {expected[name]}"
        for name, own in found.items()
        if own is not None and not same_type(types[own], expected[name])
    ]
    if rule.config.get("extra") is False:
        faults += [f"'{name}' is not expected" for name in types if name not in found.values()]

    def judge(rows: int, _values: Mapping[str, Any]) -> Finding:
        return Finding(max(rows, 1) if faults else 0, "; ".join(faults))

    return TableRule(rule, judge)


def _sum_of(column: str, kind: str) -> tuple[str, str, str]:
    # Sums of whole numbers wrap around on Sail; as decimals they do not.
    if kind in {"float", "double"}:
        return f"CAST({column} AS double)", "sum({value})", "double"
    exact = kind if kind.startswith("decimal") else "decimal(20,0)"
    return f"CAST({column} AS {exact})", "sum({value})", f"decimal(38,{exact.rstrip(')').partition(',')[2]})"


_MEASURES: Mapping[str, Callable[[str, str], tuple[str, str, str]]] = {
    "min": lambda column, kind: (column, "min({value})", kind),
    "max": lambda column, kind: (column, "max({value})", kind),
    "sum": _sum_of,
    # Sail cuts the average of decimals off where Spark rounds it.
    "avg": lambda column, _kind: (f"CAST({column} AS double)", "avg({value})", "double"),
    "distinct": lambda column, _kind: (column, "count(DISTINCT {value})", "bigint"),
}
_COMPILERS: Mapping[Check, Callable[[Rule, Mapping[str, str], Surroundings], TableRule]] = {
    Check.ROW_COUNT: _row_count,
    Check.NULL_SHARE: _null_share,
    Check.FRESHNESS: _freshness,
    Check.AGGREGATE: _aggregate,
    Check.TOTAL: _total,
    Check.EQUAL_TOTALS: _equal_totals,
    Check.SCHEMA: _schema,
}
