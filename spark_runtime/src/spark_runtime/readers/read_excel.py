"""Excel workbooks (xlsx): bytes of one file in, the rows of one sheet as columns of text out."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import Match, Parsed, Rows, UnreadableFile, Wanted, as_json, match_columns

BATCH_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class ExcelLayout:
    """Where in a workbook the rows are.

    Attributes:
        sheet: Name of the sheet, or its number counted from 1.
        header: Whether a row names the columns.
        skip_lines: Rows before the header, or before the first record.
        null_values: Texts that mean null, besides empty cells.
    """

    sheet: str | int
    header: bool
    skip_lines: int
    null_values: frozenset[str]


def read_excel(content: pa.Buffer, layout: ExcelLayout, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the rows of one sheet; rows without any value are no rows. The line of a record is its row in the sheet.

    Formulas count with the value that was saved with them.

    Raises:
        UnreadableFile: It is not a workbook, has no such sheet, or the engine's Python cannot read workbooks.
    """
    rows = Rows(wanted)
    match: Match | None = None
    width = 0
    for number, values in sheet_rows(content, layout):
        if match is None:
            names = values if layout.header else [None] * len(values)
            width = max((at + 1 for at, name in enumerate(values) if name is not None), default=0)
            match = match_columns(
                [name or "" for name in names[:width]],
                wanted
                if layout.header
                else Wanted(wanted.names, by_position=True, extra=wanted.extra, fills_missing=True),
            )
            if layout.header:
                continue
        _take(values, number, match, width, layout, rows)
        if len(rows) >= BATCH_RECORDS:
            yield rows.take()
    yield rows.take()


def sheet_rows(content: pa.Buffer, layout: ExcelLayout) -> Iterator[tuple[int, list[str | None]]]:
    """Yield number and cells of each row that has a value.

    Raises:
        UnreadableFile: See ``read_excel``.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise UnreadableFile("the engine's Python has no openpyxl, which reads workbooks") from error
    try:
        book = openpyxl.load_workbook(pa.BufferReader(content), read_only=True, data_only=True)
        names = book.sheetnames
        wanted = names[layout.sheet - 1] if isinstance(layout.sheet, int) else layout.sheet
        sheet = book[wanted]
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            if number <= layout.skip_lines:
                continue
            texts = [_as_text(cell) for cell in cells]
            if any(text is not None for text in texts):
                yield number, texts
    except (IndexError, KeyError) as error:
        raise UnreadableFile(f"the workbook has no sheet {layout.sheet!r} ({error})") from error
    # The library lets through whatever zip and XML raise on damaged bytes.
    except Exception as error:
        raise UnreadableFile(f"not a complete xlsx workbook ({error}); land the file again") from error


def _take(
    values: list[str | None], number: int, match: Match, width: int, layout: ExcelLayout, rows: Rows
) -> None:
    if match.fault is not None:
        rows.refuse(as_json([value for value in values if value is not None]), match.fault, number)
        return
    beyond = [value for value in values[width:] if value is not None]
    if beyond and rows.wanted.extra not in ("ignore", "keep"):
        shown = as_json(values)
        rows.refuse(shown, f"{width + len(beyond)} cells instead of {width}", number)
        return
    values = [None if value in layout.null_values else value for value in values]
    values += [None] * (width - len(values))
    extra = {name: values[at] for name, at in match.extra if values[at] is not None}
    rows.add([None if at is None else values[at] for at in match.positions], number, extra)


def _as_text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        # A day without a time of day is kept like this too.
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
    return str(cell)
