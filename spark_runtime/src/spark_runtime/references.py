"""Rules on rows that look values up in another table, whose keys are joined to the rows before they are tested.

The join is part of the one evaluation that stages the rows, because the other table may change while this job runs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from spark_runtime.casts import canonical_type
from spark_runtime.errors import RuleRefused
from spark_runtime.frame import Frame, find_name
from spark_runtime.lookups import Lookup
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal
from spark_runtime.rule_spec import Check, Rule
from spark_runtime.sql import all_of, comparable, quoted
from spark_runtime.staged_column import StagedColumn
from spark_runtime.verdict import Test

_MOMENTS = frozenset({"date", "timestamp", "timestamp_ntz"})


def look_up(
    columns: Sequence[StagedColumn],
    rules: Sequence[Rule],
    inputs: Mapping[str, Frame],
    keep: Callable[[DataFrame], DataFrame],
    *,
    flag: str = "_lf_r",
) -> tuple[Lookup, ...]:
    """Return what to look up for each of the rules.

    Args:
        columns: Columns of the rows.
        rules: Rules that look up: ``foreign_key``, and lists of values that stand in a table. A null among a row's
            values passes, as in SQL.
        inputs: The node's tables by name.
        keep: Writes the keys of another table aside, so that the engine knows how many they are.
        flag: What the columns begin with that say what was found, where rows are looked up more than once.

    Raises:
        RuleRefused: A rule names a table or column that is not there, or compares values of two kinds.
    """
    found = []
    for at, rule in enumerate(rules):
        hit = f"{flag}{at}"
        own, keys = _compared(rule, columns, inputs)
        aliases = tuple(f"{hit}_k{number}" for number in range(len(own)))
        known = keys.selectExpr(
            *(f"{quoted(name)} AS {alias}" for name, alias in zip(keys.columns, aliases, strict=True))
        )
        # Each key once, or a row would come back as often as its key is there.
        distinct = keep(known.where(all_of([f"{alias} IS NOT NULL" for alias in aliases])).distinct())
        names = tuple(column.name for column in own)
        found.append(
            Lookup(
                names=names,
                known=distinct.selectExpr("*", f"true AS {hit}"),
                aliases=aliases,
                flag=hit,
                condition=all_of(
                    [
                        f"{comparable(f'({column.conversion.value})', column.type)} = {alias}"
                        for column, alias in zip(own, aliases, strict=True)
                    ]
                ),
                test=_test(rule, names, hit),
            )
        )
    return tuple(found)


def _compared(
    rule: Rule, columns: Sequence[StagedColumn], inputs: Mapping[str, Frame]
) -> tuple[list[StagedColumn], DataFrame]:
    """Return a rule's own columns, and the columns of the other table in the same order."""
    names, table = _listed(rule, "columns", "column"), str(rule.config.get("references"))
    others = _listed(rule, "to") or names
    if not isinstance(names, list) or not names or not isinstance(others, list) or len(names) != len(others):
        raise RuleRefused(f"rule '{rule.name}': {rule.check} needs columns, and as many under to")
    if table not in inputs:
        raise RuleRefused(f"rule '{rule.name}': there is no input '{table}'; there are {', '.join(inputs)}")
    by_name = {column.name: column for column in columns}
    types = {
        field.name: canonical_type(field.dataType.simpleString()) for field in inputs[table].df.schema.fields
    }
    own = [by_name[_existing(rule, name, by_name)] for name in names]
    theirs = [_existing(rule, name, types, of=f" in {table}") for name in others]
    for column, name in zip(own, theirs, strict=True):
        # Engines that compare what is of two kinds convert one of them, and not all the same one.
        kind = types[name]
        if _compared_as(column.type) != _compared_as(kind):
            raise RuleRefused(
                f"rule '{rule.name}': column '{column.name}' is {column.type} and '{name}' of {table} is {kind}; "
                "cast one of them in a step"
            )
    keys = (f"{comparable(quoted(name), types[name])} AS {quoted(name)}" for name in theirs)
    return own, inputs[table].df.selectExpr(*keys)


def _compared_as(kind: str) -> str:
    """Return what values of a type can be compared with: their like."""
    if kind in (*WHOLE, *FRACTIONS) or is_decimal(kind):
        return "number"
    return "moment" if kind in _MOMENTS else kind


def _listed(rule: Rule, *keys: str) -> Any:
    """Return the setting of one of the keys; rules on one column name it without a list."""
    value = next((rule.config[key] for key in keys if key in rule.config), None)
    return [value] if isinstance(value, str) else value


def _existing(rule: Rule, name: object, names: Mapping[str, object], *, of: str = "") -> str:
    found = find_name(str(name), names)
    if found is None:
        raise RuleRefused(
            f"rule '{rule.name}': there is no column '{name}'{of}; there are {', '.join(names)}"
        )
    return found


def _test(rule: Rule, columns: Sequence[str], flag: str) -> Test:
    is_forbidden = rule.check is Check.FORBIDDEN_VALUES
    wrong = f"{flag} IS NOT NULL" if is_forbidden else f"{flag} IS NULL"
    failing = all_of([*(f"{quoted(name)} IS NOT NULL" for name in columns), wrong])
    if rule.filter:
        failing = f"coalesce(({rule.filter}), false) AND {failing}"
    found = "is one of the values of" if is_forbidden else "not found in"
    reason = f"{rule.name}: {', '.join(columns)} {found} {rule.config['references']}"
    return Test(rule.name, rule.severity, f"({failing})", reason, rule.filter)
