"""What the rows of a Delta table are like, column by column, and the quality rules that they suggest.

Read straight from the lake, as a preview is: one look over the table for all figures, and a second one over the few
columns that may be a key or a short list of values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count
from math import isfinite
from typing import Any, Final

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError

from landfall.preview import LakeNotReadable, UnknownColumn, open_table
from landfall.settings import Settings
from spark_runtime.patterns import PATTERNS

# A column with no more values than these, each of them often, is a list of values.
MOST_VALUES: Final = 20
_ROWS_PER_VALUE: Final = 20
# Sketches of distinct values are good to some percent; what comes near the number of rows is counted exactly.
_MAY_BE_KEY: Final = 0.9
_NUMBERS: Final = ("byte", "short", "integer", "long", "float", "double", "decimal")
_FRACTIONS: Final = ("float", "double")
_MOMENTS: Final = ("date", "timestamp")
# In this order the first that fits is proposed; a word in capitals is no bank because it could be one.
_FORMS: Final = ("uuid", "iso_timestamp", "iso_date", "email", "url", "iban", "ipv4", "phone")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Figures of one column.

    Attributes:
        type: As Delta calls it.
        distinct: Different values that are not null; exact where the column may be a key or a list, else about.
        low: Least value, of a text its least number of characters; ``None`` for other types and without values.
        high: The same at the other end.
        empty: Texts that are blank.
        form: Named pattern that all values have.
        values: All values, if they are few and come often.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    low: Any = None
    high: Any = None
    empty: int = 0
    form: str | None = None
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule as the product file has it, and the figures behind it in words."""

    rule: Mapping[str, Any]
    because: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A table, and what it suggests."""

    uri: str
    version: int
    rows: int
    columns: tuple[ColumnProfile, ...]
    proposals: tuple[Proposal, ...] = field(default=())


def profile(
    settings: Settings, uri: str, *, columns: Sequence[str] = (), taken: Set[str] = frozenset()
) -> Profile:
    """Return the profile of the Delta table at an ``abfss://`` address.

    Args:
        columns: Columns to look at; empty looks at all but those that the runtime adds.
        taken: Names that no proposed rule may have, for rules of the dataset have them.

    Raises:
        TableNotWritten: There is no table.
        UnknownColumn: A column is not the table's.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    table = open_table(settings, uri)
    types = {item.name: _type_name(item.type) for item in table.schema().fields}
    unknown = [name for name in columns if name not in types]
    if unknown:
        raise UnknownColumn(uri, unknown, tuple(types))
    chosen = list(columns) or [name for name in types if not name.startswith("_")]
    try:
        rows, found = _first_look(table, {name: types[name] for name in chosen})
        looked = tuple(_second_look(table, rows, found))
    except (OSError, DeltaError) as error:
        raise LakeNotReadable(uri, str(error).split("\n", 1)[0]) from error
    described = Profile(uri, table.version(), rows, looked)
    return replace(described, proposals=tuple(propose(described, taken)))


def propose(described: Profile, taken: Set[str]) -> Iterator[Proposal]:
    """Yield the rules that hold for all rows of a table, each with its reason; none for a table without rows."""
    rows = described.rows
    if not rows:
        return
    whole = Proposal(
        {"name": "has_rows", "check": "row_count", "min": 1, "severity": "fail"},
        f"the table has {rows:,} rows",
    )
    names = set(taken)
    for proposal in (whole, *(found for column in described.columns for found in _of_column(column, rows))):
        name = _rule_name(proposal.rule["name"], names)
        names.add(name)
        yield replace(proposal, rule={**proposal.rule, "name": name})


def _rule_name(wanted: str, taken: Set[str]) -> str:
    """Return a name that rules may have, and that none has, for what columns may be called."""
    name = re.sub("[^a-z0-9_]+", "_", wanted.lower())
    name = (name if name[:1].isalpha() else f"column_{name}")[:64]
    numbered = (f"{name[:60]}_{number}" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def _of_column(column: ColumnProfile, rows: int) -> Iterator[Proposal]:
    name, there = column.name, rows - column.nulls
    if not column.nulls:
        rule: dict[str, Any] = {"name": f"{name}_not_null", "check": "not_null", "columns": [name]}
        yield Proposal(rule, f"none of {rows:,} rows is null")
    elif column.nulls < rows / 2:
        share = _rounded_up(column.nulls / rows)
        rule = {
            "name": f"{name}_mostly_there",
            "check": "null_share",
            "column": name,
            "max": share,
            "severity": "warn",
        }
        yield Proposal(rule, f"{column.nulls:,} of {rows:,} rows are null ({column.nulls / rows:.2%})")
    if not there:
        return
    if there == rows > 1 and column.distinct == rows and column.type not in _FRACTIONS:
        rule = {"name": f"{name}_unique", "check": "unique", "columns": [name]}
        yield Proposal(rule, f"{rows:,} different values in {rows:,} rows")
    if column.values:
        rule = {
            "name": f"{name}_known",
            "check": "accepted_values",
            "column": name,
            "values": list(column.values),
        }
        yield Proposal(rule, f"{len(column.values)} different values in {there:,} rows")
    elif column.form is not None:
        rule = {
            "name": f"{name}_is_{column.form}",
            "check": "pattern",
            "column": name,
            "pattern": column.form,
        }
        yield Proposal(rule, f"all of {there:,} values have this form")
    if column.type == "string":
        yield from _of_text(column, there)
    elif _has_limits(column) and not column.values:
        rule = {"name": f"{name}_in_range", "check": "range", "column": name}
        rule |= {"min": _bound(column.low, ROUND_FLOOR), "max": _bound(column.high, ROUND_CEILING)}
        yield Proposal(rule, f"from {column.low} to {column.high} in {there:,} rows")


def _of_text(column: ColumnProfile, there: int) -> Iterator[Proposal]:
    name = column.name
    if not column.empty:
        rule: dict[str, Any] = {"name": f"{name}_not_empty", "check": "not_empty", "columns": [name]}
        yield Proposal(rule, f"none of {there:,} texts is blank")
    if column.high is not None and not column.values and column.form is None:
        rule = {"name": f"{name}_length", "check": "length", "column": name, "min": column.low}
        yield Proposal(
            rule | {"max": column.high}, f"{column.low} to {column.high} characters in {there:,} rows"
        )


def _first_look(table: DeltaTable, types: Mapping[str, str]) -> tuple[int, list[ColumnProfile]]:
    """Return the number of rows and the figures of each column, of one query."""
    asked: list[str] = ["count(*) AS n"]
    for at, (name, kind) in enumerate(types.items()):
        column = _quoted(name)
        asked.append(f"count({column}) AS c{at}")
        if _is_counted(kind):
            # As text: the sketch takes not every type.
            asked.append(f"approx_distinct(CAST({column} AS string)) AS d{at}")
        if kind == "string":
            length = f"character_length({column})"
            asked += [f"min({length}) AS l{at}", f"max({length}) AS h{at}"]
            asked.append(f"sum(CASE WHEN trim({column}) = '' THEN 1 ELSE 0 END) AS e{at}")
            asked += [
                f"sum(CASE WHEN {column} ~ {_whole(form)} THEN 1 ELSE 0 END) AS f{at}_{number}"
                for number, form in enumerate(_FORMS)
            ]
        elif _has_order(kind):
            asked += [f"min({column}) AS l{at}", f"max({column}) AS h{at}"]
    (found,) = _ask(table, asked)
    rows = int(found["n"])
    return rows, [_described(found, at, name, kind, rows) for at, (name, kind) in enumerate(types.items())]


def _described(found: Mapping[str, Any], at: int, name: str, kind: str, rows: int) -> ColumnProfile:
    there = int(found[f"c{at}"])
    forms = (form for number, form in enumerate(_FORMS) if there and found.get(f"f{at}_{number}") == there)
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=rows - there,
        distinct=int(found.get(f"d{at}") or 0),
        low=found.get(f"l{at}"),
        high=found.get(f"h{at}"),
        empty=int(found.get(f"e{at}") or 0),
        form=next(forms, None),
    )


def _second_look(table: DeltaTable, rows: int, columns: Sequence[ColumnProfile]) -> Iterator[ColumnProfile]:
    """Yield the columns with exact counts of different values, and these values where they are few."""
    asked: list[str] = []
    for at, column in enumerate(columns):
        quoted = _quoted(column.name)
        if column.distinct >= rows * _MAY_BE_KEY and rows > 1 and not column.nulls:
            asked.append(f"count(DISTINCT {quoted}) AS d{at}")
        elif _may_be_list(column, rows):
            asked.append(f"array_agg(DISTINCT {quoted}) AS v{at}")
    (found,) = _ask(table, asked) if asked else ({},)
    for at, column in enumerate(columns):
        values = sorted(value for value in found.get(f"v{at}") or () if value is not None)
        if values:
            few = len(values) <= MOST_VALUES
            yield replace(column, distinct=len(values), values=tuple(values) if few else ())
        else:
            yield replace(column, distinct=int(found.get(f"d{at}") or column.distinct))


def _may_be_list(column: ColumnProfile, rows: int) -> bool:
    if column.type not in ("string", "byte", "short", "integer", "long"):
        return False
    return 0 < column.distinct <= MOST_VALUES and rows - column.nulls >= _ROWS_PER_VALUE * column.distinct


def _ask(table: DeltaTable, asked: Sequence[str]) -> list[dict[str, Any]]:
    query = f"SELECT {', '.join(asked)} FROM profiled"  # noqa: S608 - quoted names of known columns
    answer = QueryBuilder().register("profiled", table).execute(query).read_all()
    return [dict(row) for row in answer.to_struct_array().to_pylist()]


def _type_name(kind: Any) -> str:
    """Return the name of a Delta type: ``string``, ``decimal(10,2)``, or ``struct`` and the like."""
    return str(getattr(kind, "type", "struct"))


def _is_counted(kind: str) -> bool:
    """Whether different values of a type are worth counting; those of fractions and truths are not."""
    return kind == "string" or (_has_order(kind) and kind not in _FRACTIONS)


def _has_order(kind: str) -> bool:
    return kind.partition("(")[0] in _NUMBERS or kind.startswith(_MOMENTS)


def _has_limits(column: ColumnProfile) -> bool:
    """Whether a range says something; NaN and infinities are limits that no rule can have."""
    limits = (column.low, column.high)
    return None not in limits and all(not isinstance(limit, float) or isfinite(limit) for limit in limits)


def _bound(value: Any, rounding: str) -> Any:
    """Return a limit as YAML has it; fractions are rounded outwards to whole numbers, instants to days."""
    if isinstance(value, datetime | date):
        return _day(value) if rounding == ROUND_FLOOR or type(value) is date else _next_day(value)
    if isinstance(value, float | Decimal):
        return int(Decimal(str(value)).to_integral_value(rounding))
    return value


def _day(value: date) -> str:
    # Not strftime, which writes the year 1 with one digit.
    return date(value.year, value.month, value.day).isoformat()


def _next_day(value: date) -> str:
    if value.toordinal() == date.max.toordinal():
        return f"{date.max} 23:59:59.999999"
    return date.fromordinal(value.toordinal() + 1).isoformat()


def _rounded_up(share: float) -> float:
    """Return a share with some room, in whole percents."""
    return min(1.0, int(share * 100 + 1) / 100)


def _whole(form: str) -> str:
    """Return a named pattern that must match a whole text, as SQL."""
    return "'" + f"^(?:{PATTERNS[form]})$".replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
