"""Rows of a test as a workbook (xlsx)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import IllegalCharacterError

from landfall.spec.model import Column
from landfall.spec.product_test_model import Row
from landfall.testing.places import Place
from landfall.testing.values import named_values, value_text

_MOST_CHARACTERS = 32_767
# Days are counted from here.
_FIRST_YEAR = 1900
_SKIPPED = "this row is skipped"


def write_workbook(
    rows: Sequence[Row], columns: Sequence[Column], options: Mapping[str, Any], path: Path, place: Place
) -> None:
    """Write rows to the sheet that a source reads: numbers as numbers, dates and moments as such, the rest as text.

    Dates and moments of columns that have a pattern are texts, as those of the files must be.

    Raises:
        WrongFixture: A cell cannot hold a value, or the sheet cannot be called what it is.
    """
    book = openpyxl.Workbook()
    sheet = _sheet(book, options.get("sheet", 1), place)
    at = int(options.get("skip_lines", 0))
    for number in range(1, at + 1):
        sheet.cell(number, 1, _SKIPPED)
    if options.get("header", True):
        at += 1
        for position, column in enumerate(columns, 1):
            _put(sheet, at, position, column.source_name or column.name)
    for number, row in enumerate(rows, 1):
        values = [
            _cell(value, column, options)
            for column, value in zip(columns, named_values(row, columns), strict=True)
        ]
        if all(value is None for value in values):
            raise place.wrong("it has no value, and is no row in a workbook", row=number)
        for position, value in enumerate(values, 1):
            try:
                _put(sheet, at + number, position, value)
            except (ValueError, IllegalCharacterError) as error:
                name = columns[position - 1].name
                raise place.wrong(f"no cell can hold the value of '{name}' ({error})", row=number) from error
    book.save(path)


def _sheet(book: Any, wanted: str | int, place: Place) -> Any:
    if isinstance(wanted, int):
        while len(book.sheetnames) < wanted:
            book.create_sheet()
        return book.worksheets[wanted - 1]
    try:
        # The sheet that is read need not be the first.
        return book.create_sheet(wanted)
    except ValueError as error:
        raise place.wrong(f"no sheet can be called {wanted!r} ({error})") from error


def _put(sheet: Any, row: int, position: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        raise ValueError(f"{len(value)} characters; a cell holds {_MOST_CHARACTERS}")
    cell = sheet.cell(row, position, value)
    if isinstance(value, str):
        # Not a formula, whatever it begins with.
        cell.data_type = "s"


def _cell(value: Any, column: Column, options: Mapping[str, Any]) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    text = value_text(value)
    key = {"date": "date_format", "timestamp": "timestamp_format", "timestamp_ntz": "timestamp_format"}.get(
        column.type
    )
    if text is None or key is None or column.format or options.get(key):
        return text
    return _moment(text) or text


def _moment(text: str) -> datetime | date | None:
    """Return what a text says as a workbook holds it, to milliseconds and without a zone; ``None`` if it cannot."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if moment.year <= _FIRST_YEAR or moment.microsecond % 1000:
        return None
    return moment
