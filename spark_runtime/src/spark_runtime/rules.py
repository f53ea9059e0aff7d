"""Quality rules as SQL: each becomes a condition under which a row fails, or a search for repeated keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from spark_runtime.casts import asked_for
from spark_runtime.errors import RuleRefused, UnsupportedOption
from spark_runtime.frame import find_name
from spark_runtime.literals import is_comparable
from spark_runtime.patterns import PATTERNS
from spark_runtime.portable import ascii_classes
from spark_runtime.portable.dialect import Dialect, Different
from spark_runtime.rule_spec import TABLE_CHECKS, Check, Rule, Severity
from spark_runtime.sql import comparable, literal, quoted, text_literal
from spark_runtime.verdict import Test

# Spelt out, because \s is ASCII for Java and Unicode for Rust.
_NOT_BLANK = r"[^ \t\n\x0B\f\r]"
# All numbers of so many digits fit into 64 bits.
_LONG_DIGITS = 18


@dataclass(frozen=True, slots=True)
class UniqueTest:
    """A test of keys against each other, which needs all rows and so comes after the others.

    Attributes:
        keys: Columns; rows with a null among them are not tested, as in SQL.
        keeps: Which row of a repeated key passes, as an SQL order; ``None`` refuses all of them.
    """

    name: str
    severity: Severity
    keys: tuple[str, ...]
    filter: str | None
    keeps: str | None

    @property
    def reason(self) -> str:
        return f"{self.name}: {', '.join(self.keys)} repeated"


def portable_rules(rules: Sequence[Rule], types: Mapping[str, str], dialect: Dialect) -> tuple[Rule, ...]:
    """Return the rules with their SQL as the engine must read it.

    Raises:
        RuleRefused: The engine would come to another verdict than Spark.
    """

    def read(rule: Rule) -> Rule:
        config = dict(rule.config)
        if isinstance(config.get("expression"), str):
            config |= {"expression": dialect.over_columns(types, config["expression"])}
            config["written"] = rule.config["expression"]
        return replace(rule, config=config, filter=rule.filter and dialect.over_columns(types, rule.filter))

    found = []
    for rule in rules:
        try:
            found.append(rule if dialect.is_spark else read(rule))
        except Different as error:
            raise RuleRefused(f"rule '{rule.name}': {error}") from error
    return tuple(found)


def compile_rules(
    rules: Sequence[Rule], types: Mapping[str, str]
) -> tuple[tuple[Test, ...], tuple[UniqueTest, ...]]:
    """Return the tests on single rows, and those on keys; rules on the whole table are left to ``table_rules``.

    Args:
        types: Columns of the rows to be tested, and their Spark SQL types.

    Raises:
        RuleRefused: A rule names a column that is not there, or lacks a setting; all faults at once.
    """
    tests: list[Test] = []
    unique: list[UniqueTest] = []
    faults: list[str] = []
    for rule in rules:
        if rule.check in TABLE_CHECKS:
            continue
        try:
            if rule.check is Check.FOREIGN_KEY or rule.looks_up:
                raise RuleRefused(f"rule '{rule.name}': {rule.check} has no tables to look values up in here")
            if rule.check is Check.UNIQUE:
                unique.append(_unique(rule, types))
            else:
                tests.append(row_test(rule, types))
        except RuleRefused as error:
            faults.append(str(error))
    if faults:
        raise RuleRefused("; ".join(faults))
    return tuple(tests), tuple(unique)


def row_test(rule: Rule, types: Mapping[str, str]) -> Test:
    """Return the test of a rule on single rows; a row that a repair left failing is quarantined.

    Raises:
        RuleRefused: The rule names a column that is not there, or lacks a setting.
    """
    passes, meaning = _CONDITIONS[rule.check](rule, types)
    # A null answer passes: a rule about a value says nothing about its absence. Engines evaluate what they are to
    # coalesce twice; but what users write need not be a condition, and only so each of them refuses that.
    failing = f"NOT coalesce({passes}, true)" if rule.check is Check.EXPRESSION else f"({passes}) IS FALSE"
    if rule.filter:
        failing = f"coalesce(({rule.filter}), false) AND {failing}"
    severity = rule.severity
    if severity is Severity.CORRECT:
        severity, meaning = Severity.QUARANTINE, f"{meaning}, and its repair does not help"
    return Test(rule.name, severity, f"({failing})", f"{rule.name}: {meaning}", rule.filter)


def _not_null(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    columns = _columns(rule, types)
    return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns), f"{', '.join(columns)} is null"


def _range(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _column(rule, types)
    low, high = rule.config.get("min"), rule.config.get("max")
    if low is None and high is None:
        raise RuleRefused(f"rule '{rule.name}': a range needs min, max or both")
    value, bounds = comparable(quoted(name), types[name]), []
    if low is not None:
        bounds.append(f"{value} >= {typed_bound(low, types[name], rule)}")
    if high is not None:
        bounds.append(f"{value} <= {typed_bound(high, types[name], rule)}")
    shown = f"{name} is not " + " and ".join(
        text
        for text in (low is not None and f"at least {low}", high is not None and f"at most {high}")
        if text
    )
    return " AND ".join(bounds), shown


def _accepted_values(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _column(rule, types)
    values = rule.config.get("values")
    if not isinstance(values, list) or not values:
        raise RuleRefused(f"rule '{rule.name}': accepted_values needs a list of values")
    return f"{_one_of(name, types[name], values, rule)}", f"{name} is not an accepted value"


def _forbidden_values(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _column(rule, types)
    values = rule.config.get("values")
    if not isinstance(values, list) or not values:
        raise RuleRefused(f"rule '{rule.name}': forbidden_values needs a list of values")
    return f"NOT {_one_of(name, types[name], values, rule)}", f"{name} is a forbidden value"


def _one_of(name: str, kind: str, values: Sequence[object], rule: Rule) -> str:
    listed = [typed_bound(value, kind, rule) for value in values if value is not None]
    if kind in {"float", "double"}:
        listed = [f"CAST({value} AS {kind})" for value in listed]
    return f"({comparable(quoted(name), kind)} IN ({', '.join(listed)}))"


def _length(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _text_column(rule, _column(rule, types), types)
    low, high = rule.config.get("min"), rule.config.get("max")
    if low is None and high is None:
        raise RuleRefused(f"rule '{rule.name}': a length needs min, max or both")
    text = quoted(name)
    bounds = []
    # Spark counts characters by a walk through the text, while it knows how many bytes there are: 1 to 4 a character.
    if low is not None:
        bounds.append(f"(octet_length({text}) >= {4 * int(low)} OR length({text}) >= {int(low)})")
    if high is not None:
        bounds.append(f"(octet_length({text}) <= {int(high)} OR length({text}) <= {int(high)})")
    limits = f"{low if low is not None else 0} to {high if high is not None else 'any'}"
    return " AND ".join(bounds), f"{name} does not have {limits} characters"


def _not_empty(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    columns = [_text_column(rule, name, types) for name in _columns(rule, types)]
    # One null among several columns does not hide that another one is blank: false and null is false. With a coalesce
    # around each, the pattern would be asked two or three times.
    filled = [_is_filled(quoted(name)) for name in columns]
    return " AND ".join(filled), f"{', '.join(columns)} is blank"


def _is_filled(text: str) -> str:
    # What is blank comes before '!' in the order of bytes. So almost every text is told by its first sign, and the
    # pattern is asked about the others.
    return f"CASE WHEN {text} >= '!' THEN true ELSE {text} RLIKE {text_literal(_NOT_BLANK)} END"


def _pattern(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _text_column(rule, _column(rule, types), types)
    pattern = rule.config.get("pattern")
    if pattern not in PATTERNS:
        raise RuleRefused(f"rule '{rule.name}': pattern '{pattern}' is not one of {', '.join(PATTERNS)}")
    return f"{quoted(name)} RLIKE {_whole(PATTERNS[pattern])}", f"{name} is not of the form {pattern}"


def _parseable(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _text_column(rule, _column(rule, types), types)
    kind, pattern = str(rule.config.get("type")), rule.config.get("format")
    try:
        lost = asked_for(quoted(name), "string", kind, pattern).lost
    except UnsupportedOption as error:
        raise RuleRefused(f"rule '{rule.name}': {error}") from error
    if lost is None:
        raise RuleRefused(f"rule '{rule.name}': every text can be read as {kind}")
    written = f"{kind} ({pattern})" if pattern else kind
    return f"NOT ({lost})", f"{name} cannot be read as {written}"


def _regex(rule: Rule, types: Mapping[str, str]) -> tuple[str, str]:
    name = _column(rule, types)
    if types[name] in {"float", "double"} or "<" in types[name]:
        raise RuleRefused(
            f"rule '{rule.name}': column '{name}' is {types[name]}, and engines write its text in different ways; "
            "cast it to decimal(p,s) in a step, or test it by range or expression"
        )
    pattern = rule.config.get("pattern")
    if not isinstance(pattern, str):
        raise RuleRefused(f"rule '{rule.name}': regex needs a pattern")
    return f"CAST({quoted(name)} AS string) RLIKE {_whole(pattern)}", f"{name} does not match {pattern}"


def _whole(pattern: str) -> str:
    # \A and \z, because $ also matches before a last line feed in Java.
    return text_literal(rf"\A(?:{ascii_classes(pattern)})\z")


def _expression(rule: Rule, _types: Mapping[str, str]) -> tuple[str, str]:
    expression = rule.config.get("expression")
    if not isinstance(expression, str) or not expression.strip():
        raise RuleRefused(f"rule '{rule.name}': expression needs a SQL condition")
    return f"({expression})", f"not {rule.config.get('written', expression)}"


_CONDITIONS = {
    Check.NOT_NULL: _not_null,
    Check.RANGE: _range,
    Check.ACCEPTED_VALUES: _accepted_values,
    Check.REGEX: _regex,
    Check.LENGTH: _length,
    Check.NOT_EMPTY: _not_empty,
    Check.FORBIDDEN_VALUES: _forbidden_values,
    Check.PATTERN: _pattern,
    Check.EXPRESSION: _expression,
    Check.PARSEABLE: _parseable,
}


def _unique(rule: Rule, types: Mapping[str, str]) -> UniqueTest:
    keys = tuple(_columns(rule, types))
    refuse_maps(rule, keys, types)
    keeps = None
    if rule.config.get("keep") == "first":
        order = rule.config.get("order_by")
        if not order:
            raise RuleRefused(f"rule '{rule.name}': keep: first needs order_by, or which row stays is chance")
        refuse_maps(rule, types, types)
        rest = [quoted(name) for name in types if name not in keys]
        keeps = ", ".join([*([order] if isinstance(order, str) else order), *rest])
    return UniqueTest(rule.name, rule.severity, keys, rule.filter, keeps)


def _columns(rule: Rule, types: Mapping[str, str]) -> list[str]:
    names = rule.config.get("columns")
    if not isinstance(names, list) or not names:
        raise RuleRefused(f"rule '{rule.name}': {rule.check} needs a list of columns")
    return [existing_column(rule, name, types) for name in names]


def _column(rule: Rule, types: Mapping[str, str]) -> str:
    name = rule.config.get("column")
    if not isinstance(name, str):
        raise RuleRefused(f"rule '{rule.name}': {rule.check} needs a column")
    return existing_column(rule, name, types)


def _text_column(rule: Rule, name: str, types: Mapping[str, str]) -> str:
    if types[name] != "string":
        raise RuleRefused(
            f"rule '{rule.name}': column '{name}' is {types[name]}, and {rule.check} is about text"
        )
    return name


def existing_column(rule: Rule, name: Any, types: Mapping[str, str]) -> str:
    found = find_name(str(name), types)
    if found is None:
        raise RuleRefused(f"rule '{rule.name}': there is no column '{name}'; there are {', '.join(types)}")
    return found


def refuse_maps(rule: Rule, names: Iterable[str], types: Mapping[str, str]) -> None:
    """Refuse to compare maps: Spark does not, and Sail takes the same entries in another order for another map.

    Raises:
        RuleRefused: A column is a map, or has one within.
    """
    for name in names:
        if "map<" in types[name]:
            raise RuleRefused(
                f"rule '{rule.name}': column '{name}' is {types[name]}, and maps cannot be compared; turn it into "
                "map_entries(…) in a step, or drop it"
            )


def typed_bound(value: object, kind: str, rule: Rule) -> str:
    """Return the literal of a bound or value, typed as the column where the file could only write a text.

    Raises:
        RuleRefused: Values of the column are not of its kind.
    """
    if not is_comparable(value, kind):
        raise RuleRefused(f"rule '{rule.name}': {value!r} cannot be compared with {kind}")
    exact = _exact(value, kind)
    if exact is not None:
        return exact
    return (
        f"CAST({literal(value)} AS {kind})" if isinstance(value, str) and kind != "string" else literal(value)
    )


def _exact(value: object, kind: str) -> str | None:
    """Return a number to compare a decimal with, digit by digit; as doubles engines compare them differently."""
    if not kind.startswith("decimal") or not isinstance(value, int | float | str):
        return None
    precision, scale = (int(number) for number in kind[len("decimal(") : -1].split(","))
    number = Decimal(str(value))
    digits, exponent = number.as_tuple().digits, number.as_tuple().exponent
    if not isinstance(exponent, int):
        return None
    scale, whole = max(scale, -exponent, 0), max(precision - scale, len(digits) + exponent)
    if whole + scale > 38:
        return None
    # Of a text or a fraction Spark makes a decimal of any length, and then compares each row with it as such; of a
    # whole number one of 64 bits, as those of the rows are.
    is_short = number == int(number) and whole <= _LONG_DIGITS
    written = f"{int(number)}L" if is_short else f"'{number:f}'"
    return f"CAST({written} AS decimal({whole + scale},{scale}))"
