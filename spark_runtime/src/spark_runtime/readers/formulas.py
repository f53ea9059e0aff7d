"""Cells of a workbook that hold a formula and no value: whoever wrote the file did not calculate it.

A reader of values takes them for empty cells. What a formula was calculated to stands beside it in the sheet (ECMA-376,
part 1, 18.3.1.4): ``<c r="B2"><f>A2*2</f><v>4</v></c>``, an empty text as ``<c r="B2" t="str"><f>A2</f><v></v></c>``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any
from xml.etree import ElementTree

from openpyxl.utils.cell import coordinate_to_tuple, get_column_letter

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_CHUNK_BYTES = 1 << 20


def not_calculated(sheet: Any) -> Mapping[int, Mapping[int, str]]:
    """Return the cells without the value of their formula.

    Args:
        sheet: A sheet of a workbook that openpyxl opened to be read only.

    Returns:
        Names of the cells, such as ``B2``, by their place in the row, from 0, by the number of the row, from 1.
    """
    # The library tells of a cell either the formula or the value.
    with sheet._get_source() as source:
        if not _has_formula(source):
            return {}
    with sheet._get_source() as source:
        return _by_row(source)


def _has_formula(sheet: IO[bytes]) -> bool:
    """Return whether the XML of a sheet holds a formula, or what looks like one; cheaper than parsing."""
    end = b""
    while chunk := sheet.read(_CHUNK_BYTES):
        if _FORMULA.search(end + chunk):
            return True
        end = chunk[-64:]
    return False


def _by_row(sheet: IO[bytes]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    rows: ElementTree.Element | None = None
    row = 0
    # The library that gives the values reads the same bytes in the same way; expat bounds what entities grow to.
    for event, element in ElementTree.iterparse(sheet, ("start", "end")):  # noqa: S314
        name = _local(element)
        if event == "start":
            rows = element if name == "sheetData" else rows
        elif name == "row" and rows is not None:
            row = int(element.get("r", row + 1))
            if places := list(_places(element)):
                found[row] = {at: f"{get_column_letter(at + 1)}{row}" for at in places}
            # Rows that were looked at would lie in memory to the end of the sheet.
            rows.clear()
    return found


def _places(row: ElementTree.Element) -> Iterator[int]:
    at = -1
    for cell in row:
        name = cell.get("r")
        at = coordinate_to_tuple(name)[1] - 1 if name else at + 1
        parts = {_local(part): part for part in cell}
        value = parts.get("v")
        is_empty_text = value is not None and cell.get("t") == "str"
        if "f" in parts and not is_empty_text and (value is None or not value.text):
            yield at


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
