"""What a quality entry of an ODCS contract measures, as an aggregate over the rows of its table.

Source:
    Open Data Contract Standard v3.1.0 (Bitol, Linux Foundation), section Data Quality.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from landfall.spec.frames import Frame
from landfall.spec.literals import literal_problem
from landfall.spec.sql_text import DIALECT, read_query

OPERATORS = {
    "mustBe": ("min", "max"),
    "mustNotBe": ("other_than",),
    "mustBeGreaterThan": ("above",),
    "mustBeGreaterOrEqualTo": ("min",),
    "mustBeLessThan": ("below",),
    "mustBeLessOrEqualTo": ("max",),
    # The standard calls it both a closed interval and a pair of strict limits; SQL's BETWEEN decides.
    "mustBeBetween": ("min", "max"),
    "mustNotBeBetween": ("outside",),
}
# Names that the standard had before, and still takes.
_FORMER = {"duplicateCount": "duplicateValues", "nullCheck": "nullValues"}
_OBJECT = re.compile(r"\$?\{(?:object|table|schema|model)\}")
_PROPERTY = re.compile(r"\$?\{(?:property|column|field)\}")


class NotChecked(Exception):
    """An entry cannot be checked.

    Attributes:
        key: Key of the entry that says what cannot be; empty for the entry as a whole.
        line: Line within the text that stands there, counted from 1.
    """

    def __init__(self, message: str, remedy: str, *, key: str = "", line: int = 1) -> None:
        super().__init__(message)
        self.message, self.remedy, self.key, self.line = message, remedy, key, line


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured.

    Attributes:
        total: SQL aggregate over the rows.
        name: What to call it, in words of a rule's name.
        filter: SQL condition; rows that do not meet it are left out.
        adds_up: Whether the number for a table is the sum of those for its parts, and never negative.
        is_share: Whether it is a percentage of the rows, so that a limit which all parts keep the whole keeps.
        apart: Columns by which rows are told apart, where duplicates are counted.
        pattern: Regular expression in it, if there is one.
    """

    total: str
    name: str
    filter: str | None = None
    adds_up: bool = False
    is_share: bool = False
    apart: tuple[str, ...] = ()
    pattern: str | None = None


def measured_by(entry: Mapping[str, Any], table: str, column: str | None, frame: Frame | None) -> Measured:
    """Return what a library metric or a query measures.

    Args:
        table: Name of the table that the contract describes.
        column: The property whose entry it is; ``None`` for one of the table.
        frame: Columns of the table, if they are known.

    Raises:
        NotChecked: It is nothing that can be measured here.
    """
    if entry.get("type") == "sql":
        return _query(entry, table, column)
    key = "metric" if "metric" in entry else "rule"
    said = str(entry.get(key))
    name = _FORMER.get(said, said)
    if name not in _METRICS:
        known = ", ".join(_METRICS)
        raise NotChecked(f"no metric '{said}'", f"known: {known}; or write type: sql, or type: text", key=key)
    arguments = entry.get("arguments")
    return _METRICS[name](
        arguments if isinstance(arguments, Mapping) else {}, column, frame, _is_percent(entry)
    )


def limits_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the operators of an entry say its number must be, as settings of a ``total`` rule.

    Raises:
        NotChecked: There is none, one that is not known, or one without the numbers it needs.
    """
    limits: dict[str, Any] = {}
    for key in (key for key in entry if str(key).startswith("must")):
        if key not in OPERATORS:
            raise NotChecked(f"no operator '{key}'", f"known: {', '.join(OPERATORS)}", key=key)
        is_pair = key.endswith("Between")
        numbers = entry[key] if is_pair else [entry[key]]
        if not isinstance(numbers, list) or len(numbers) != 1 + is_pair or not all(map(_is_number, numbers)):
            wanted = "a list of two numbers" if is_pair else "a number"
            raise NotChecked(f"{key} needs {wanted}", "write it behind the operator", key=key)
        names = OPERATORS[key]
        limits |= (
            {"outside": numbers} if names == ("outside",) else dict(zip(names, numbers * 2, strict=False))
        )
    if not limits:
        raise NotChecked("the entry has no operator", f"add one of {', '.join(OPERATORS)}")
    return limits


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_percent(entry: Mapping[str, Any]) -> bool:
    unit = entry.get("unit", "rows")
    if unit not in ("rows", "percent"):
        raise NotChecked(f"unit '{unit}' is not known", "write rows or percent", key="unit")
    return bool(unit == "percent")


def _rows(_: Mapping[str, Any], column: str | None, __: Frame | None, is_percent: bool) -> Measured:
    if is_percent:
        raise NotChecked("rowCount is a number of rows", "remove unit: percent", key="unit")
    if column is not None:
        raise NotChecked(
            "rowCount is about a table", "move the entry to the quality: of the table", key="metric"
        )
    return Measured("count(*)", "row_count")


def _nulls(_: Mapping[str, Any], column: str | None, __: Frame | None, is_percent: bool) -> Measured:
    return _share(f"{_name(column, 'nullValues')} IS NULL", f"null_{column}", is_percent)


def _missing(
    arguments: Mapping[str, Any], column: str | None, frame: Frame | None, is_percent: bool
) -> Measured:
    name = _name(column, "missingValues")
    values = _values(arguments, "missingValues", column, frame)
    parts = [f"{name} IS NULL"] if None in values else []
    listed = [value for value in values if value is not None]
    if listed:
        parts.append(f"{name} IN ({', '.join(_literal(value, column, frame) for value in listed)})")
    return _share(" OR ".join(parts), f"missing_{column}", is_percent)


def _invalid(
    arguments: Mapping[str, Any], column: str | None, frame: Frame | None, is_percent: bool
) -> Measured:
    name = _name(column, "invalidValues")
    parts, pattern = [], arguments.get("pattern")
    if "validValues" in arguments:
        values = [v for v in _values(arguments, "validValues", column, frame) if v is not None]
        parts.append(f"{name} NOT IN ({', '.join(_literal(value, column, frame) for value in values)})")
    if pattern is not None:
        if not isinstance(pattern, str):
            raise NotChecked("a pattern is a text", "write it in quotes", key="arguments")
        parts.append(f"NOT {name} RLIKE {_text(pattern)}")
    if not parts:
        remedy = "add arguments: {validValues: […]} or {pattern: …}"
        raise NotChecked("invalidValues says nothing of what is valid", remedy)
    found = _share(" OR ".join(parts), f"invalid_{column}", is_percent)
    return Measured(**{**_fields(found), "pattern": pattern})


def _duplicates(
    arguments: Mapping[str, Any], column: str | None, _: Frame | None, is_percent: bool
) -> Measured:
    columns = [column] if column is not None else arguments.get("properties")
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        remedy = "add arguments: {properties: […]}, or move it to a property"
        raise NotChecked("duplicateValues needs the properties that tell rows apart", remedy)
    names = [_quoted(name) for name in columns]
    tested = (
        names[0]
        if len(names) == 1
        else f"CASE WHEN {' AND '.join(f'{n} IS NOT NULL' for n in names)} THEN 1 END"
    )
    total = f"count({tested}) - count(DISTINCT {', '.join(names)})"
    if is_percent:
        total = f"100 * ({total}) / nullif(count(*), 0)"
    return Measured(total, f"duplicate_{'_'.join(columns)}", apart=tuple(columns))


def _share(condition: str, name: str, is_percent: bool) -> Measured:
    if is_percent:
        return Measured(f"100 * avg(CASE WHEN {condition} THEN 1 ELSE 0 END)", name, is_share=True)
    return Measured(f"count(CASE WHEN {condition} THEN 1 END)", name, adds_up=True)


_Metric = Callable[[Mapping[str, Any], str | None, Frame | None, bool], Measured]
_METRICS: Mapping[str, _Metric] = {
    "rowCount": _rows,
    "nullValues": _nulls,
    "missingValues": _missing,
    "invalidValues": _invalid,
    "duplicateValues": _duplicates,
}


def _query(entry: Mapping[str, Any], table: str, column: str | None) -> Measured:
    """Return the one aggregate that a query selects, and the condition on the rows it is about."""
    text = entry.get("query")
    if not isinstance(text, str):
        raise NotChecked(
            "type: sql needs a query", "add query: SELECT count(*) FROM {object} WHERE …", key="type"
        )
    if column is None and _PROPERTY.search(text):
        raise NotChecked("the entry is of no property", "name the column in the query", key="query")
    filled = _PROPERTY.sub(_quoted(column or ""), _OBJECT.sub(_quoted(table), text))
    parsed = read_query(filled.strip().rstrip(";"))
    for problem in parsed.problems:
        raise NotChecked(problem.message, problem.remedy, key="query", line=problem.line)
    select = parsed.tree
    source = select.args.get("from_") if isinstance(select, exp.Select) else None
    read = source.this if source is not None else None
    simple = isinstance(select, exp.Select) and len(select.expressions) == 1
    used = {key for key, value in select.args.items() if value} if select is not None else set()
    if not simple or not isinstance(read, exp.Table) or used - {"kind", "expressions", "from_", "where"}:
        remedy = "write SELECT aggregate FROM {object} WHERE condition, or declare a rule under quality:"
        raise NotChecked("the query is more than one aggregate over one table", remedy, key="query")
    if read.name.casefold() != table.casefold():
        message = f"the query reads '{read.name}', and the entry is about '{table}'"
        raise NotChecked(message, "read {object}", key="query")
    assert isinstance(select, exp.Select)  # noqa: S101 - said above, for the type checker
    where = select.args.get("where")
    measured = select.expressions[0].unalias()
    total = _bare(measured)
    name = f"sql_{column}" if column is not None else "sql"
    return Measured(
        total,
        name,
        _bare(where.this) if where is not None else None,
        adds_up=isinstance(measured, exp.Count) and not isinstance(measured.this, exp.Distinct),
    )


def _bare(tree: exp.Expr) -> str:
    """Return an expression without the name of the only table in front of its columns."""
    copied = tree.copy()
    for node in list(copied.find_all(exp.Column)):
        node.set("table", None)
    return copied.sql(DIALECT)


def _fields(found: Measured) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Measured.__slots__}


def _name(column: str | None, metric: str) -> str:
    if column is None:
        raise NotChecked(f"{metric} is about a property", "move the entry to the quality: of a property")
    return _quoted(column)


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def _values(arguments: Mapping[str, Any], key: str, column: str | None, frame: Frame | None) -> Sequence[Any]:
    values = arguments.get(key)
    if not isinstance(values, list) or not values:
        raise NotChecked(f"{key} must be a list of values", f"add arguments: {{{key}: […]}}", key="arguments")
    kind = frame.type_of(column) if frame is not None and column is not None else None
    for value in values:
        problem = literal_problem(value, kind) if value is not None else None
        if problem is not None or isinstance(value, (dict, list)):
            raise NotChecked(
                f"{key}: {problem or 'a value is a text or a number'}", "correct it", key="arguments"
            )
    return values


def _literal(value: Any, column: str | None, frame: Frame | None) -> str:
    kind = frame.type_of(column) if frame is not None and column is not None else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"CAST({_text(value)} AS {kind})" if kind not in (None, "string") else _text(value)
    return str(value)


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(DIALECT)
