"""Texts that parsers of other programs read in their own way: no value is lost, doubled or changed without a word."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from spark_runtime.readers.containers import as_utf8
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.nested import NestedColumn, Spelling, as_nested
from spark_runtime.readers.read_csv import header_names, read_csv
from spark_runtime.readers.read_json import read_json_document, read_json_lines
from spark_runtime.readers.read_xml import XmlLayout, read_xml
from spark_runtime.readers.records import Further, Parsed, UnreadableFile, Wanted

LAYOUT = CsvLayout(header=True, delimiter=",", quote='"', escape=None, comment=None, null_values=())
WANTED = Wanted(("id", "name"))
Rows = list[tuple[str | None, ...]]


def gathered(parts: Iterator[Parsed]) -> tuple[Rows, list[tuple[str, str]]]:
    """Return the good records, and text and reason of the refused ones."""
    rows: Rows = []
    refused: list[tuple[str, str]] = []
    for parsed in parts:
        rows += zip(*(column.to_pylist() for column in parsed.columns), strict=True)
        refused += [(record.text, record.reason) for record in parsed.refused]
    return rows, refused


def csv_rows(content: bytes, layout: CsvLayout = LAYOUT, chunk: int = 1 << 20) -> Rows:
    texts = (content[at : at + chunk] for at in range(0, len(content), chunk))
    return gathered(read_csv(as_utf8(texts, "utf-8"), layout, WANTED))[0]


def xml_rows(content: bytes, layout: XmlLayout) -> tuple[Rows, list[tuple[str, str]]]:
    return gathered(read_xml(iter([content]), layout, WANTED))


@pytest.mark.parametrize("first", [b"id,name\r", b'"id",name\r', b'id,"name"\r'])
@pytest.mark.parametrize("chunk", [17, 1 << 20])
def test_a_header_that_ends_with_a_carriage_return_takes_no_row_along(first: bytes, chunk: int) -> None:
    content = first + b'1,a\n2,"b"\r3,c\r\n"4",d\n'

    assert csv_rows(content, chunk=chunk) == [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")]


def test_the_first_record_of_a_file_may_hold_a_long_text() -> None:
    layout = replace(LAYOUT, header=False)
    text = b"x" * 200_000
    wanted = replace(WANTED, extra="keep")

    rows, _ = gathered(read_csv(iter([b"1," + text + b"\n"]), layout, wanted))

    assert rows == [("1", text.decode())]


def test_names_in_a_header_are_texts_however_they_look() -> None:
    names = header_names(iter([b'2024,"a ""b"", c",N/A,\n1,2,3,4\n']), LAYOUT)

    assert names == ["2024", 'a "b", c', "N/A", ""]


def test_an_object_that_names_a_field_twice_is_refused_with_both_values() -> None:
    line = b'{"id":1,"id":2}'

    assert gathered(read_json_lines(iter([line]), WANTED)) == (
        [],
        [(line.decode(), "field 'id' comes twice")],
    )
    assert gathered(read_json_document(iter([b'[{"id":3},' + line + b"]"]), WANTED)) == (
        [("3", None)],
        [(line.decode(), "field 'id' comes twice")],
    )


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("struct<a:int>", """s: '{"a":1,"a":2}' has a field twice"""),
        ("map<string,int>", """s: '{"a":1,"a":2}' has a key twice"""),
    ],
)
def test_a_part_that_names_a_field_twice_does_not_fit(kind: str, fault: str) -> None:
    (parsed,) = read_json_lines(iter([b'{"id":{"a":1,"a":2}}']), Wanted(("id",)))

    nested = as_nested(parsed.columns[0], NestedColumn(0, "s", kind), Spelling())

    assert nested.told.to_pylist() == [fault]


@pytest.mark.parametrize(
    "row", [b"<row><Id>1</Id><id>2</id></row>", b"<row id='1'><ID>2</ID></row>", b"<row id='1' Id='2'/>"]
)
def test_a_row_with_two_elements_for_one_column_is_refused(row: bytes) -> None:
    rows, refused = xml_rows(b"<rows>" + row + b"</rows>", XmlLayout("row", None))

    assert rows == []
    assert [reason.lower() for _, reason in refused] == ["element 'id' comes twice"]


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "utf-16-le", "utf-16", "utf-8", "cp932"])
def test_xml_is_read_in_any_encoding_that_is_declared(encoding: str) -> None:
    content = "<rows><row><id>1</id><name>あ</name></row></rows>".encode(encoding)

    assert xml_rows(content, XmlLayout("row", encoding)) == ([("1", "あ")], [])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            "<?xml version='1.0' encoding='shift_jis'?><rows><row><id>あ</id></row></rows>",
            "the encoding that",
        ),
        ("<?xml version='1.0' encoding='bogus'?><rows/>", "the encoding that it names"),
        ("<!DOCTYPE r SYSTEM 'x.dtd'><rows><row><id>a&who;b</id></row></rows>", "entity 'who'"),
        ("<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///x'>]><rows><row><id>a&e;</id></row></rows>", "entity 'e'"),
        ("<rows><row><id>" + "<a>" * 5000 + "</a>" * 5000 + "</id></row></rows>", "nested too deeply"),
    ],
)
def test_an_xml_file_whose_text_is_not_all_there_is_rejected_with_the_reason(
    content: str, fault: str
) -> None:
    with pytest.raises(UnreadableFile, match=fault):
        xml_rows(content.encode("shift_jis"), XmlLayout("row", None))


def test_elements_that_are_marked_or_written_as_null_are_null() -> None:
    content = b"<rows xmlns:xsi='u'><row><id xsi:nil='true'/><name>NA</name></row></rows>"

    assert xml_rows(content, XmlLayout("row", None, frozenset({"NA"}))) == ([(None, None)], [])


@pytest.mark.parametrize("extra", ["refuse", "keep"])
@pytest.mark.parametrize("name", ["id", "other"])
def test_a_line_nested_deeper_than_can_be_told_is_refused_alone(name: str, extra: Further) -> None:
    deep = f'{{"{name}":' + "[" * 900 + "]" * 900 + "}"
    content = f'{{"id":1}}\n{deep}\n{{"id":2}}\n'.encode()

    rows, refused = gathered(read_json_lines(iter([content]), Wanted(("id",), extra=extra)))

    assert rows == [("1",), ("2",)]
    assert [text for text, _ in refused] == [deep]


def test_a_document_nested_deeper_than_can_be_told_is_rejected() -> None:
    content = b'[{"id":' + b"[" * 900 + b"]" * 900 + b"}]"

    with pytest.raises(UnreadableFile, match="nested too deeply"):
        gathered(read_json_document(iter([content]), WANTED))
