"""Cells that a workbook knows as numbers and moments, where texts of its columns are written as a country does."""

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_runtime.readers.read_excel import ExcelLayout, read_excel
from spark_runtime.readers.records import Further, Parsed, Wanted
from spark_runtime.text_formats import written


def texts(*cells: Any, decimal: str = ".", patterns: Mapping[int, str] | None = None) -> list[Any]:
    """Return the texts of a column of cells."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for cell in ("v", *cells):
        book.active.append([cell])
    out = io.BytesIO()
    book.save(out)
    layout = ExcelLayout(1, True, 0, frozenset(), decimal, patterns or {})
    (parsed,) = read_excel(pa.py_buffer(out.getvalue()), layout, Wanted(("v",)))
    found: list[Any] = parsed.columns[0].to_pylist()
    return found


def test_numbers_are_written_with_the_declared_point_and_without_an_exponent() -> None:
    cells = (1.234, 1e-7, 1e16, -2.5e-9, 7, 0.1, True, "1.234,5")

    assert texts(*cells, decimal=",") == [
        "1,234", "0,0000001", "10000000000000000", "-0,0000000025", "7", "0,1", "true", "1.234,5",
    ]  # fmt: skip


def _parsed(book: bytes, *names: str, extra: Further = "ignore") -> Parsed:
    layout = ExcelLayout(1, True, 0, frozenset())
    (parsed,) = read_excel(pa.py_buffer(book), layout, Wanted(names, extra=extra))
    return parsed


def _saved(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _with_sheet(book: bytes, change: Callable[[str], str]) -> bytes:
    """Return the workbook with the XML of its sheet changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = change(content.decode()).encode()
            new.writestr(name, content)
    return out.getvalue()


def test_a_formula_without_its_value_is_refused_and_no_empty_cell() -> None:
    book = _saved(["a", "b"], [1, "=A2*2"], ["=1+1", "=A3"], [3, 4], [None, None], [5, "text"])

    parsed = _parsed(book, "a", "b")

    assert parsed.columns[0].to_pylist() == ["3", "5"]
    assert [(record.text, record.line) for record in parsed.refused] == [
        ('["1",null]', 2),
        ("[null,null]", 3),
    ]
    assert parsed.refused[0].reason.startswith("cell B2: a formula without its value")
    assert parsed.refused[1].reason.startswith("cell A3 and cell B3: ")


def test_a_formula_without_its_value_in_a_column_nobody_wants_is_passed_over() -> None:
    parsed = _parsed(_saved(["a", "b"], [1, "=A2*2"]), "a")

    assert (parsed.columns[0].to_pylist(), parsed.refused) == (["1"], ())


@pytest.mark.parametrize("row", [[1, "=A2*2"], [1, "x", "=A2*2"]])
def test_a_formula_without_its_value_is_refused_where_further_cells_are_kept(row: list[Any]) -> None:
    parsed = _parsed(_saved(["a", "b"], row, [3, 4, 5]), "a", extra="keep")

    assert parsed.columns[0].to_pylist() == ["3"]
    assert [record.line for record in parsed.refused] == [2]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="B2"><f>A2*2</f><v>4</v></c>', "4"),
        ('<c r="B2" t="str"><f>A2</f><v>x</v></c>', "x"),
        ('<c r="B2" t="str"><f>A2</f><v></v></c>', None),
        ('<c t="str"><f>A2</f><v /></c>', None),
        ('<c r="B2" t="b"><f>A2=1</f><v>1</v></c>', "true"),
    ],
)
def test_a_formula_counts_with_its_value(cell: str, value: str | None) -> None:
    def give_value(sheet: str) -> str:
        assert '<c r="B2"><f>A2*2</f><v /></c>' in sheet
        return sheet.replace('<c r="B2"><f>A2*2</f><v /></c>', cell)

    parsed = _parsed(_with_sheet(_saved(["a", "b"], [1, "=A2*2"]), give_value), "a", "b")

    assert (parsed.columns[1].to_pylist(), parsed.refused) == ([value], ())


@pytest.mark.parametrize(
    "cell", ['<c r="B2"><f>A2*2</f></c>', "<c><f>A2*2</f><v></v></c>", '<c r="B2"><f t="shared" si="0"/></c>']
)
def test_however_a_missing_value_is_spelled(cell: str) -> None:
    book = _with_sheet(
        _saved(["a", "b"], [1, "=A2*2"]),
        lambda sheet: sheet.replace('<c r="B2"><f>A2*2</f><v /></c>', cell),
    )

    (record,) = _parsed(book, "a", "b").refused

    assert (record.text, record.line) == ('["1",null]', 2)


def test_moments_are_written_as_texts_of_their_column_are() -> None:
    cells = (date(2024, 5, 6), datetime(2024, 5, 6, 13, 7, 5), "06.05.2024")

    assert texts(*cells, patterns={0: "dd.MM.yyyy"}) == ["06.05.2024", "2024-05-06 13:07:05", "06.05.2024"]
    assert texts(*cells) == ["2024-05-06", "2024-05-06 13:07:05", "06.05.2024"]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-dd-MM HH:mm:ss.SSS", "2024-06-05 13:07:05.120"),
        ("MMMM d, yy 'at' h:mm:ss.SS a XXX", "May 6, 24 at 1:07:05.12 PM Z"),
        ("d MMM yyyy H:m:s.SSSSSS", "6 May 2024 13:7:5.120000"),
        ("dd/MM/yyyy HH:mm:ss", None),
        ("dd/MM/yyyy", None),
    ],
)
def test_a_pattern_writes_all_of_a_moment_or_nothing(pattern: str, text: str | None) -> None:
    assert written(datetime(2024, 5, 6, 13, 7, 5, 120_000), pattern) == text


@given(st.datetimes(min_value=datetime(1, 1, 1)))
def test_what_a_pattern_writes_is_the_moment(moment: datetime) -> None:
    assert written(moment, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS") == moment.isoformat(timespec="microseconds")


def test_years_of_two_digits_are_those_of_this_century() -> None:
    assert written(datetime(1999, 1, 2), "dd.MM.yy") is None
