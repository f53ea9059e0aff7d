"""Rules about all rows that a node publishes, taken together: how many there are, how many of them lack a value.

They are tested on the staged rows that passed all other rules, before anything is written. No single row breaks such a
rule, so none can be quarantined or flagged for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions

from spark_runtime.errors import RuleRefused
from spark_runtime.frame import find_name
from spark_runtime.result import RuleResult
from spark_runtime.spec import TABLE_CHECKS, Check, Rule, Severity
from spark_runtime.sql import quoted
from spark_runtime.staging import Staged


@dataclass(frozen=True, slots=True)
class TableRule:
    """A rule on the rows that meet ``filter``, with limits that are both included.

    Attributes:
        column: Its nulls are counted as a share of the rows; ``None`` counts the rows themselves.
        most: Highest share, or highest count; ``None`` is any.
    """

    name: str
    severity: Severity
    filter: str | None
    column: str | None
    least: int = 0
    most: float | None = None

    def verdict(self, rows: int, nulls: int) -> "TableVerdict":
        """Return what the rule says of so many rows, ``nulls`` of them without a value."""
        if self.column is None:
            failed = max(self.least - rows, 0 if self.most is None else rows - int(self.most), 0)
            limits = f"{self.least} to {'any' if self.most is None else int(self.most)}"
            reason = f"{self.name}: {rows} rows, where {limits} are expected"
        else:
            share = nulls / rows if rows else 0.0
            failed = nulls if self.most is not None and share > self.most else 0
            reason = (
                f"{self.name}: {self.column} is null in {share:.2%} of {rows} rows, more than {self.most:.2%}"
            )
        return TableVerdict(RuleResult(self.name, self.severity, rows, failed), reason)


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """What a rule says of a table.

    Attributes:
        result: ``rows_failed`` are the rows that are missing or too many, or the nulls of a share that is too
            high; 0 if the rule is met.
        reason: What to tell if it is not.
    """

    result: RuleResult
    reason: str


def compile_table_rules(rules: Sequence[Rule], types: Mapping[str, str]) -> tuple[TableRule, ...]:
    """Return the rules of ``rules`` that are about all rows together.

    Raises:
        RuleRefused: A rule names a column that is not there, lacks a setting, or has a severity that needs rows
            to refuse; all faults at once.
    """
    compiled, faults = [], []
    for rule in rules:
        if rule.check not in TABLE_CHECKS:
            continue
        try:
            compiled.append(_compiled(rule, types))
        except RuleRefused as error:
            faults.append(str(error))
    if faults:
        raise RuleRefused("; ".join(faults))
    return tuple(compiled)


def judge_table(
    staged: Staged, rules: Sequence[TableRule], *, rejected: Sequence[int]
) -> tuple[TableVerdict, ...]:
    """Count the rows to be published, in one pass for all rules, and return what each rule says of them.

    Args:
        rejected: Numbers of files whose rows are not published.
    """
    if not rules:
        return ()
    conditions = {}
    for at, rule in enumerate(rules):
        tested = f"coalesce(({rule.filter}), false)" if rule.filter else "true"
        conditions[f"rows{at}"] = tested
        conditions[f"nulls{at}"] = f"{tested} AND {quoted(rule.column)} IS NULL" if rule.column else "false"
    # Named before they are summed up: Sail takes no aggregate twice, and two rules may count the same.
    counted = staged.valid_rows(rejected=rejected).selectExpr(
        *(f"CASE WHEN {condition} THEN 1L ELSE 0L END AS {name}" for name, condition in conditions.items())
    )
    sums: dict[str, Any] = (
        counted.agg(*(functions.expr(f"coalesce(sum({name}), 0L)").alias(name) for name in conditions))
        .collect()[0]
        .asDict()
    )
    return tuple(rule.verdict(sums[f"rows{at}"], sums[f"nulls{at}"]) for at, rule in enumerate(rules))


def _compiled(rule: Rule, types: Mapping[str, str]) -> TableRule:
    if rule.severity is Severity.QUARANTINE:
        raise RuleRefused(f"rule '{rule.name}': {rule.check} is about all rows; its severity is warn or fail")
    least, most = rule.config.get("min"), rule.config.get("max")
    if rule.check is Check.ROW_COUNT:
        if least is None and most is None:
            raise RuleRefused(f"rule '{rule.name}': row_count needs min, max or both")
        return TableRule(rule.name, rule.severity, rule.filter, None, least or 0, most)
    column = find_name(str(rule.config.get("column")), types)
    if column is None:
        raise RuleRefused(
            f"rule '{rule.name}': there is no column '{rule.config.get('column')}'; there are {', '.join(types)}"
        )
    if not isinstance(most, int | float):
        raise RuleRefused(f"rule '{rule.name}': null_share needs max, a share from 0 to 1")
    return TableRule(rule.name, rule.severity, rule.filter, column, 0, most)
