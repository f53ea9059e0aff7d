"""What a test expected and what came: rows without order, compared by their text."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from landfall.spec.product_test_model import RefusedRow
from landfall.testing.fixtures import ShownRow

# An instant as the JSON of a refused row has it.
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.0*|(\.\d*?[1-9])0*)?Z?")

# The column that holds a refused row which could not be parsed.
RAW = "row"
RULES = "rules"
# Why a refused row that nobody expected was refused.
REASON = "_reason"
_NOTES = frozenset({"_warnings", "_corrections"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as expected; one of the fields at least says something.

    Attributes:
        reason: What went wrong before rows could be compared, empty if nothing did.
        missing: Rows that were expected and are not there.
        unexpected: Rows that are there and were not expected.
        refused_missing: The same of refused rows; their column ``rules`` names the rules.
        refused_unexpected: The same; their column ``_reason`` says why.
        batch: In which of several batches it was found, from 1.
    """

    reason: str = ""
    missing: tuple[ShownRow, ...] = ()
    unexpected: tuple[ShownRow, ...] = ()
    refused_missing: tuple[ShownRow, ...] = ()
    refused_unexpected: tuple[ShownRow, ...] = ()
    batch: int | None = None

    def __bool__(self) -> bool:
        return bool(
            self.reason or self.missing or self.unexpected or self.refused_missing or self.refused_unexpected
        )

    def to_payload(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "refused_missing": list(self.refused_missing),
            "refused_unexpected": list(self.refused_unexpected),
            "batch": self.batch,
        }


def compare_rows(
    expected: Iterable[ShownRow], found: Iterable[ShownRow]
) -> tuple[tuple[ShownRow, ...], tuple[ShownRow, ...]]:
    """Return the rows that are missing and those that are too many, each as often as it is."""
    wanted, there = Counter(map(_key, expected)), Counter(map(_key, found))
    return _rows(wanted - there), _rows(there - wanted)


def expected_refusals(refused: Sequence[RefusedRow]) -> list[ShownRow]:
    """Return expected refusals in the columns that any of them names."""
    columns = refused_columns(refused)
    return [
        _refusal(item.row if isinstance(item.row, Mapping) else {RAW: item.row}, item.rules, columns)
        for item in refused
    ]


def found_refusals(
    quarantined: Iterable[tuple[str, Sequence[str]]], expected: Sequence[RefusedRow]
) -> list[ShownRow]:
    """Return rows of a quarantine table in the columns that the test names, in all if it names none.

    Args:
        quarantined: Row as the table holds it, and the names of its rules.
    """
    rows = [(_parsed(text), rules) for text, rules in quarantined]
    columns = refused_columns(expected) or tuple(dict.fromkeys(name for row, _ in rows for name in row))
    return [_refusal(row, rules, columns) for row, rules in rows]


def with_reasons(
    refused: Iterable[ShownRow], found: Iterable[ShownRow], reasons: Iterable[str]
) -> tuple[ShownRow, ...]:
    """Return refused rows with the reason for which each was refused.

    Args:
        found: All rows that were refused, among them these.
        reasons: The reason of each of those.
    """
    by_row = {_key(row): reason for row, reason in zip(found, reasons, strict=True)}
    return tuple(row | {REASON: by_row[_key(row)]} for row in refused)


def without_empty_lists(rows: Iterable[ShownRow]) -> list[ShownRow]:
    """Return rows whose empty lists of warnings and corrections are null, as in a row that says nothing of them."""
    return [
        {name: None if name in _NOTES and value == "[]" else value for name, value in row.items()}
        for row in rows
    ]


def refused_columns(refused: Sequence[RefusedRow]) -> tuple[str, ...]:
    named = (item.row if isinstance(item.row, Mapping) else {RAW: item.row} for item in refused)
    return tuple(dict.fromkeys(name for row in named for name in row))


def _refusal(row: Mapping[str, Any], rules: Sequence[str], columns: Sequence[str]) -> ShownRow:
    by_name = {name.casefold(): value for name, value in row.items()}
    shown: ShownRow = {name: _value(by_name.get(name.casefold())) for name in columns}
    return shown | {RULES: ", ".join(sorted(rules))}


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError:
        return {RAW: text}
    return parsed if isinstance(parsed, dict) else {RAW: text}


def _value(value: Any) -> str | None:
    """Return a value of a refused row as text; 5, 5.00 and "5.0" are the same, since files know no types."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if text[:1] in ("{", "[") and isinstance(value, str):
        # A nested value as it was read.
        with suppress(json.JSONDecodeError):
            value = json.loads(text, parse_float=Decimal)
    if isinstance(value, dict | list):
        return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    instant = _INSTANT.fullmatch(text)
    if instant is not None:
        return f"{instant[1]} {instant[2]}{instant[3] or ''}"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return f"{number.normalize():f}" if number.is_finite() else text


def _plain(value: Any) -> Any:
    """Return a nested value with its parts as text, without the fields that are null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else _value(value)


def _key(row: ShownRow) -> tuple[tuple[str, str | None], ...]:
    return tuple(row.items())


def _rows(counted: "Counter[tuple[tuple[str, str | None], ...]]") -> tuple[ShownRow, ...]:
    ordered = sorted(
        counted.elements(), key=lambda key: [(value is not None, value or "") for _, value in key]
    )
    return tuple(dict(key) for key in ordered)
