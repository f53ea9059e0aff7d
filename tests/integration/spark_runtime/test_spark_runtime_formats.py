"""Every format of landed files on the real engine: options, renaming, nested values, lines of refused rows."""

import io
import json
import lzma
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from tests.integration.spark_runtime.workbench import Workbench, counts

NESTED = "array<struct<article:string,price:decimal(8,2)>>"
LINES = [{"article": "pen", "price": Decimal("2.50")}, {"article": "cup", "price": None}]


def avro(schema: dict[str, Any], records: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), records, codec="deflate")
    return out.getvalue()


def workbook(*sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet(f"Sheet{number + 1}")
        assert sheet is not None
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_dates_and_numbers_are_read_as_a_country_writes_them(bench: Workbench) -> None:
    content = (
        b"Day;At;Amount;Pieces;Share\n"
        b"31.12.2024;Jan 5 2024 1:05 PM;1.234,50;12.000;0,5\n"
        b"29.02.2023;Feb 1 2024 12:30 am;,5;7;1e-3\n"
        b"1.12.2024;Mar 1 2024 13:00 PM;1.23,4;1,5;\n"
        b"2024-12-31;2024-01-05 10:00:00;5.00;7;2\n"
    )
    columns = (
        "day date; at timestamp | format=MMM d yyyy h:mm a; amount decimal(10,2); pieces int; share double"
    )
    options = {"delimiter": ";", "decimal": ",", "thousands": ".", "date_format": "dd.MM.yyyy"}

    result = bench.ingest(columns, bench.land("a.csv", content), options=options)

    assert counts(result) == (4, 1, 3)
    assert bench.rows("orders", "day", "amount", "pieces", "share") == [
        (date(2024, 12, 31), Decimal("1234.50"), 12_000, 0.5)
    ]
    assert bench.epochs("orders", "at") == [datetime(2024, 1, 5, 13, 5, tzinfo=UTC).timestamp()]
    assert [
        (line, [part.partition(":")[2].split(":")[0] for part in reason.split("; ")])
        for line, reason in bench.refused_lines()
    ] == [
        (3, ["day"]),
        (4, ["day", "at", "amount", "pieces"]),
        (5, ["day", "at", "amount"]),
    ]


def test_columns_take_other_names_than_files_give_them(bench: Workbench) -> None:
    file = bench.land("a.csv", b"Order No.,Total (EUR)\n7,1.5\n")

    bench.ingest("id int | from=order no.; total double | from=Total (EUR)", file)

    assert bench.rows("orders", "id", "total") == [(7, 1.5)]


def test_columns_are_told_by_their_place(bench: Workbench) -> None:
    file = bench.land("a.csv", b"title\nx,y\n1,a\n2,b,c\n")

    result = bench.ingest("id int; name string", file, options={"match": "position", "skip_lines": 1})

    assert counts(result) == (2, 1, 1)
    assert bench.rows("orders", "id", "name") == [(1, "a")]
    assert bench.refused_lines() == [(4, "readable_row: 3 fields instead of 2")]


def test_each_refused_row_knows_its_line(bench: Workbench) -> None:
    content = b'id,name\n# note\n1,"two\nlines"\n\nx,typed\n2\n3,"open\n4,"a"b\ny,last\n'

    result = bench.ingest("id int; name string", bench.land("a.csv", content), options={"comment": "#"})

    assert counts(result) == (6, 1, 5)
    assert [line for line, _ in bench.refused_lines()] == [6, 7, 8, 9, 10]


def test_line_ends_within_quotes_can_be_forbidden(bench: Workbench) -> None:
    content = b'id,name\n1,"two\n2,"b"\n'

    result = bench.ingest("id int; name string", bench.land("a.csv", content), options={"multi_line": False})

    assert counts(result) == (2, 1, 1)
    assert bench.refused_lines() == [(2, "readable_row: a quoted field is never closed")]


def test_a_json_document_is_read_whole(bench: Workbench) -> None:
    files = [
        bench.land("a.json", json.dumps([{"id": 1}, {"id": "x"}, 3], indent=1).encode()),
        bench.land("b.json.xz", lzma.compress(b'{\n"id": 4\n}')),
        bench.land("cut.json", b'[{"id": 5},'),
    ]

    result = bench.ingest("id int", *files, format="json", options={"multi_line": True})

    assert counts(result) == (4, 2, 2)
    assert [file["status"] for file in result["files"]] == ["done", "done", "rejected"]
    assert bench.rows("orders", "id") == [(1,), (4,)]


@pytest.mark.parametrize("kind", ["json", "parquet", "orc", "avro", "xml"])
def test_nested_values_are_read_or_refused_whole(bench: Workbench, kind: str) -> None:
    good: list[Any] = [[{"article": "pen", "price": "2.50"}, {"article": "cup", "price": None}], None]
    bad: list[Any] = [[{"article": "pen", "price": "12345678.00"}]]
    if kind == "json":
        content = "".join(
            json.dumps({"id": at, "lines": value}) + "\n" for at, value in enumerate(good + bad)
        ).encode()
    elif kind == "xml":
        content = (
            b"<o><r id='0'><lines article='pen'><price>2.50</price></lines><lines><article>cup</article></lines></r>"
            b"<r><id>1</id></r><r><id>2</id><lines><article>pen</article><price>12345678.00</price></lines></r></o>"
        )
    elif kind == "avro":
        line = {
            "type": "record",
            "name": "line",
            "fields": [{"name": "article", "type": "string"}, {"name": "price", "type": ["null", "string"]}],
        }
        fields = [
            {"name": "id", "type": "long"},
            {"name": "lines", "type": ["null", {"type": "array", "items": line}]},
        ]
        records = [{"id": at, "lines": value} for at, value in enumerate(good + bad)]
        content = avro({"type": "record", "name": "r", "fields": fields}, records)
    else:
        table = pa.table({"id": [0, 1, 2], "lines": good + bad})
        out = io.BytesIO()
        orc.write_table(table, out) if kind == "orc" else pq.write_table(table, out)
        content = out.getvalue()

    options = {"row_tag": "r"} if kind == "xml" else {}
    result = bench.ingest(
        f"id int; lines {NESTED}", bench.land("a.file", content), format=kind, options=options
    )

    assert counts(result) == (3, 2, 1)
    rows = [
        (row[0], row[1] and [item.asDict() for item in row[1]]) for row in bench.rows("orders", "id", "lines")
    ]
    assert rows == [(0, LINES), (1, None)]
    (refused,) = bench.quarantined()
    assert refused[0] == ["type:lines[].price"]
    assert "12345678.00" in refused[2]


def test_maps_and_structs_with_every_kind_of_part(bench: Workbench) -> None:
    kind = "struct<a:bigint,b:boolean,c:map<string,timestamp>,d:array<array<double>>,e:date,f:binary>"
    good = {
        "a": 9007199254740993,
        "b": True,
        "c": {"k": "2024-01-01T10:00:00Z"},
        "d": [[1, 2.5], []],
        "f": "x",
    }
    lines = [
        json.dumps({"s": value})
        for value in (good, {"a": 1 << 63}, {"g": 1}, {"d": [1]}, {"e": "2024-13-01"}, 5)
    ]

    result = bench.ingest(f"s {kind}", bench.land("a.json", "\n".join(lines).encode()), format="json")

    assert counts(result) == (6, 1, 5)
    ((row,),) = bench.rows("orders", "s")
    assert (row.a, row.b, row.d, row.e, bytes(row.f)) == (
        9007199254740993,
        True,
        [[1.0, 2.5], []],
        None,
        b"x",
    )
    assert list(row.c) == ["k"]


def test_lines_of_fixed_width(bench: Workbench) -> None:
    content = "no  name      price\n0001café      1,50\n0002short\n0003cup      12,00 and more\n\n000xjug       3,00 \n"
    columns = "id int | width=4; name string | width=10; price decimal(8,2) | start=15, width=5"

    result = bench.ingest(
        columns,
        bench.land("a.txt", content.encode("cp1252")),
        format="fixed",
        options={"skip_lines": 1, "decimal": ",", "encoding": "cp1252", "trimmed": True},
    )

    assert counts(result) == (4, 2, 2)
    assert bench.rows("orders", "id", "name", "price") == [(1, "café", Decimal("1.50")), (2, "short", None)]
    assert [line for line, _ in bench.refused_lines()] == [4, 6]


def test_a_sheet_of_a_workbook(bench: Workbench) -> None:
    rows: list[list[Any]] = [
        ["Orders of the week"],
        ["Id", "Day", "Amount", "Paid"],
        [1, date(2024, 1, 5), 2.5, True],
        ["x", datetime(2024, 1, 5, 10, 30), None, "no"],
        [],
        [3, None, 7, None, "stray"],
    ]
    files = [bench.land("a.xlsx", workbook([["other"]], rows)), bench.land("b.xlsx", b"not a workbook")]

    result = bench.ingest(
        "id int; day date; amount decimal(8,2); paid boolean",
        *files,
        format="excel",
        options={"sheet": "Sheet2", "skip_lines": 1},
    )

    assert counts(result) == (3, 1, 2)
    assert bench.rows("orders", "id", "day", "amount", "paid") == [
        (1, date(2024, 1, 5), Decimal("2.50"), True)
    ]
    assert [line for line, _ in bench.refused_lines()] == [4, 6]
    assert [file["status"] for file in result["files"]] == ["done", "rejected"]


def test_numbers_and_dates_of_a_workbook_are_read_whatever_texts_look_like(bench: Workbench) -> None:
    rows: list[list[Any]] = [
        ["Day", "At", "Amount", "Share"],
        [date(2024, 5, 6), datetime(2024, 5, 6, 13, 30), 1.234, 1e-7],
        ["06.05.2024", "2024-06-05 13:30", "1.234,5", "0,5"],
        [datetime(2024, 5, 6, 10), datetime(2024, 5, 6, 13, 30, 59), 1e16, "1.5"],
    ]
    options = {
        "decimal": ",",
        "thousands": ".",
        "date_format": "dd.MM.yyyy",
        "timestamp_format": "yyyy-dd-MM HH:mm",
    }
    columns = "day date; at timestamp; amount decimal(20,3); share double"

    result = bench.ingest(columns, bench.land("a.xlsx", workbook(rows)), format="excel", options=options)

    assert counts(result) == (3, 2, 1)
    assert bench.rows("orders", "day", "amount", "share") == [
        (date(2024, 5, 6), Decimal("1.234"), 1e-7),
        (date(2024, 5, 6), Decimal("1234.500"), 0.5),
    ]
    assert bench.epochs("orders", "at") == [datetime(2024, 5, 6, 13, 30, tzinfo=UTC).timestamp()] * 2
    (refused,) = bench.refused_lines()
    assert refused[0] == 4
    assert "amount" not in refused[1]


def test_elements_of_an_xml_file(bench: Workbench) -> None:
    content = (
        "<?xml version='1.0' encoding='ISO-8859-1'?><f:orders xmlns:f='urn:x'><head><row>no</row></head>\n"
        "<f:row Id='1'><name>café &amp; bar</name></f:row>\n"
        "<f:row><id>x</id></f:row>\n<f:row><id>3</id><other/></f:row></f:orders>"
    ).encode("latin-1")
    files = [bench.land("a.xml", content), bench.land("cut.xml", content[:-20])]

    result = bench.ingest("id int; name string", *files, format="xml", options={"row_tag": "row"})

    assert [file["status"] for file in result["files"]] == ["done", "rejected"]
    assert counts(result) == (4, 1, 3)
    assert bench.rows("orders", "id", "name") == [(1, "café & bar")]
    assert [line for line, _ in bench.refused_lines()] == [1, 3, 4]


def test_values_of_avro_and_orc_keep_their_worth(bench: Workbench) -> None:
    at = datetime(2024, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)
    price = {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}
    moment = {"type": "long", "logicalType": "timestamp-micros"}
    fields = [
        {"name": "at", "type": moment},
        {"name": "price", "type": price},
        {"name": "share", "type": "double"},
    ]
    record = {"at": at, "price": Decimal("1.50"), "share": 0.1}
    out = io.BytesIO()
    orc.write_table(pa.table({"at": pa.array([at]), "price": [Decimal("1.50")], "share": [0.1]}), out)
    columns = "at timestamp; price decimal(8,2); share double"

    bench.ingest(columns, bench.land("a.orc", out.getvalue()), format="orc")
    content = avro({"type": "record", "name": "r", "fields": fields}, [record])
    result = bench.ingest(
        columns,
        bench.land("a.avro", content),
        bench.land("cut.avro", content[:-9]),
        format="avro",
        run_id="r2",
    )

    assert bench.rows("orders", "price", "share") == [(Decimal("1.50"), 0.1)] * 2
    assert bench.epochs("orders", "at") == [at.timestamp()] * 2
    assert [file["status"] for file in result["files"]] == ["done", "rejected"]
