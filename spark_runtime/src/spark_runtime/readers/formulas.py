"""Cells of a workbook that hold a formula and no value: whoever wrote the file did not calculate it.

A reader of values takes them for empty cells. What a formula was calculated to stands beside it in the sheet (ECMA-376,
part 1, 18.3.1.4): ``<c r="B2"><f>A2*2</f><v>4</v></c>``, an empty text as ``<c r="B2" t="str"><f>A2</f><v></v></c>``.
"""

import re
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_CHUNK_BYTES = 1 << 20
_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")


def has_formula(sheet: IO[bytes]) -> bool:
    """Return whether the XML of a sheet holds a formula, or what looks like one; cheaper than parsing."""
    end = b""
    while chunk := sheet.read(_CHUNK_BYTES):
        if _FORMULA.search(end + chunk):
            return True
        end = chunk[-64:]
    return False


def not_calculated(sheet: IO[bytes]) -> dict[int, frozenset[int]]:
    """Return the cells without the value of their formula: places from 0, by the number of their row from 1."""
    found: dict[int, frozenset[int]] = {}
    rows: ElementTree.Element | None = None
    row = 0
    # The library that gives the values reads the same bytes in the same way; expat bounds what entities grow to.
    for event, element in ElementTree.iterparse(sheet, ("start", "end")):  # noqa: S314
        name = _local(element)
        if event == "start":
            rows = element if name == "sheetData" else rows
        elif name == "row" and rows is not None:
            row = int(element.get("r", row + 1))
            if places := frozenset(_places(element)):
                found[row] = places
            # Rows that were looked at would lie in memory to the end of the sheet.
            rows.clear()
    return found


def _places(row: ElementTree.Element) -> Iterator[int]:
    at = -1
    for cell in row:
        place = _REFERENCE.fullmatch(cell.get("r", ""))
        at = _column(place[1]) if place else at + 1
        parts = {_local(part): part for part in cell}
        value = parts.get("v")
        is_empty_text = value is not None and cell.get("t") == "str"
        if "f" in parts and not is_empty_text and (value is None or not value.text):
            yield at


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
