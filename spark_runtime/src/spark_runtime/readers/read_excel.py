"""Excel workbooks (xlsx): bytes of one file in, the rows of one sheet as columns of text out."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import Match, Parsed, Rows, UnreadableFile, Wanted, as_json, match_columns
from spark_runtime.text_formats import written

BATCH_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class NotCalculated:
    """Stands for a cell whose formula was saved without a value; an empty cell is ``None``.

    Attributes:
        cell: Its name, such as ``B2``.
    """

    cell: str


@dataclass(frozen=True, slots=True)
class ExcelLayout:
    """Where in a workbook the rows are.

    Attributes:
        sheet: Name of the sheet, or its number counted from 1.
        header: Whether a row names the columns.
        skip_lines: Rows before the header, or before the first record.
        null_values: Texts that mean null, besides empty cells.
        decimal: Character before the fraction of numbers that are written as text.
        patterns: By number of a declared column, how its moments are written as text.
    """

    sheet: str | int
    header: bool
    skip_lines: int
    null_values: frozenset[str]
    decimal: str = "."
    patterns: Mapping[int, str] = field(default_factory=dict)


def read_excel(content: pa.Buffer, layout: ExcelLayout, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the rows of one sheet; rows without any value are no rows. The line of a record is its row in the sheet.

    Formulas count with the value that was saved with them; a row is refused where one that is wanted has none.

    Raises:
        UnreadableFile: It is not a workbook, has no such sheet, or the engine's Python cannot read workbooks.
    """
    rows = Rows(wanted)
    match: Match | None = None
    width = 0
    for number, cells in sheet_rows(content, layout):
        if match is None:
            width = max((at + 1 for at, cell in enumerate(cells) if cell is not None), default=0)
            if not layout.header:
                # The last cells of the first row may be empty where those of later rows are not.
                width = max(width, len(wanted.names))
            names = names_in(cells) if layout.header else [""] * width
            match = match_columns(
                names[:width],
                wanted
                if layout.header
                else Wanted(wanted.names, by_position=True, extra=wanted.extra, fills_missing=True),
            )
            if layout.header:
                continue
        _take(cells, number, match, width, layout, rows)
        if len(rows) >= BATCH_RECORDS:
            yield rows.take()
    yield rows.take()


def names_in(cells: Sequence[Any]) -> list[str]:
    """Return the names in a header; that of an empty cell is empty."""
    return [_as_text(cell) or "" for cell in cells]


def sheet_rows(content: pa.Buffer, layout: ExcelLayout) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield number and cells of each row that has a value, or would have one if its formulas had been calculated.

    Raises:
        UnreadableFile: See ``read_excel``.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise UnreadableFile("the engine's Python has no openpyxl, which reads workbooks") from error
    from spark_runtime.readers.formulas import not_calculated

    try:
        book = openpyxl.load_workbook(pa.BufferReader(content), read_only=True, data_only=True)
        names = book.sheetnames
        wanted = names[layout.sheet - 1] if isinstance(layout.sheet, int) else layout.sheet
        sheet = book[wanted]
        sheet.reset_dimensions()
        missing = not_calculated(sheet)
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if number <= layout.skip_lines:
                continue
            if names_by_place := missing.get(number):
                cells = [
                    NotCalculated(names_by_place[at]) if at in names_by_place else cell
                    for at, cell in enumerate(cells)
                ]
            if any(cell is not None for cell in cells):
                yield number, cells
    except (IndexError, KeyError) as error:
        raise UnreadableFile(f"the workbook has no sheet {layout.sheet!r} ({error})") from error
    # The library lets through whatever zip and XML raise on damaged bytes.
    except Exception as error:
        raise UnreadableFile(f"not a complete xlsx workbook ({error}); land the file again") from error


def _take(
    cells: Sequence[Any], number: int, match: Match, width: int, layout: ExcelLayout, rows: Rows
) -> None:
    values = _texts(cells, match, layout)
    if match.fault is not None:
        rows.refuse(as_json([value for value in values if value is not None]), match.fault, number)
        return
    keeps_all = rows.wanted.extra == "keep"
    lost = [
        cell
        for at, cell in enumerate(cells)
        if isinstance(cell, NotCalculated) and (keeps_all or at in match.positions)
    ]
    if lost:
        places = " and ".join(f"cell {each.cell}" for each in lost)
        reason = (
            f"{places}: a formula without its value; open the workbook in Excel or LibreOffice and save it"
        )
        rows.refuse(as_json(values), reason, number)
        return
    beyond = [value for value in values[width:] if value is not None]
    if beyond and rows.wanted.extra not in ("ignore", "keep"):
        shown = as_json(values)
        rows.refuse(shown, f"{width + len(beyond)} cells instead of {width}", number)
        return
    values = [None if value in layout.null_values else value for value in values]
    values += [None] * (width - len(values))
    extra = {name: values[at] for name, at in match.extra if values[at] is not None}
    if keeps_all:
        extra |= {f"_c{at}": value for at, value in enumerate(values) if at >= width and value is not None}
    rows.add([None if at is None else values[at] for at in match.positions], number, extra)


def _texts(cells: Sequence[Any], match: Match, layout: ExcelLayout) -> list[str | None]:
    """Return cells as the texts of their columns are written, so that they are read as what they are."""
    patterns = {at: layout.patterns.get(own) for own, at in enumerate(match.positions) if at is not None}
    return [_as_text(cell, layout.decimal, patterns.get(at)) for at, cell in enumerate(cells)]


def _as_text(cell: Any, decimal: str = ".", pattern: str | None = None) -> str | None:
    if cell is None or isinstance(cell, NotCalculated):
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell).replace(".", decimal)
    if isinstance(cell, datetime.datetime):
        as_written = None if pattern is None else written(cell, pattern)
        if as_written is not None:
            return as_written
        # A day without a time of day is kept like this too.
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
    return str(cell)


def _number(value: float) -> str:
    """Return a number without an exponent, which no whole number and no decimal of a text may have."""
    digits = Decimal(repr(value))
    if digits == digits.to_integral_value():
        return f"{digits.to_integral_value():f}"
    return f"{digits:f}"
