"""Files broken on purpose: nothing crashes, no row is lost, and what is refused says where and why."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts

COLUMNS = "id int; name string"
LINES = b"id,name\n" + b"".join(b"%d,a name\n" % number for number in range(2000))

# What a file says and what is read of it: the rows published, and line and reason of the others.
SPECTRUM: dict[str, tuple[bytes, list[tuple[int | None, str | None]], list[tuple[int | None, str]]]] = {
    "a comma in quotes": (b'id,name\n1,"a, b"\n', [(1, "a, b")], []),
    "empty fields": (b"id,name\n1,\n,\n", [(1, None), (None, None)], []),
    "empty fields, CRLF": (b'id,name\r\n1,\r\n,""\r\n', [(1, None), (None, "")], []),
    "coordinates": ('id,name\n1,"N 12° 34\' 56"", E 1°"\n'.encode(), [(1, "N 12° 34' 56\", E 1°")], []),
    "quoted empty fields": (b'id,name\n1,""\n"",x\n', [(1, ""), (None, "x")], []),
    "escaped quotes": (b'id,name\n1,"say ""hi"""\n', [(1, 'say "hi"')], []),
    "JSON in a field": (b'id,name\n1,"{""a"": [1, ""b""]}"\n', [(1, '{"a": [1, "b"]}')], []),
    "line ends in quotes": (b'id,name\n1,"a\nb"\n2,"c\r\nd"\n', [(1, "a\nb"), (2, "c\r\nd")], []),
    "quotes and line ends": (b'id,name\n1,"a ""b""\n\nc"\n', [(1, 'a "b"\n\nc')], []),
    "no last line end": (b"id,name\n1,a\n2,b", [(1, "a"), (2, "b")], []),
    "CRLF": (b"id,name\r\n1,a\r\n2,b\r\n", [(1, "a"), (2, "b")], []),
    "mixed line ends": (b"id,name\r\n1,a\n2,b\r\n3,c\n", [(1, "a"), (2, "b"), (3, "c")], []),
    "bare carriage returns": (b"id,name\r1,a\r2,b\r", [(1, "a"), (2, "b")], []),
    "byte order mark": (b"\xef\xbb\xbfid,name\n1,a\n", [(1, "a")], []),
    "byte order mark and quotes": (b'\xef\xbb\xbf"id","name"\n1,a\n', [(1, "a")], []),
    "blank lines": (
        b"\n\nid,name\n\n1,a\n\r\n\nx,b\n",
        [(1, "a")],
        [(8, "type:id: id cannot be read as int")],
    ),
    "ragged rows": (
        b"id,name\n1\n2,b\n3,c,d\n,,,\n",
        [(2, "b")],
        [
            (2, "readable_row: 1 field instead of 2"),
            (4, "readable_row: 3 fields instead of 2"),
            (5, "readable_row: 4 fields instead of 2"),
        ],
    ),
    "an unclosed quote": (
        b'id,name\n1,a\n2,"open\n3,c\n4,"d"\n',
        [(1, "a"), (3, "c"), (4, "d")],
        # The next quote would close it, some lines on, but text follows that one; told is what the refused line shows.
        [(3, "readable_row: a quoted field is never closed")],
    ),
    "an unclosed quote at the end": (
        b'id,name\n1,a\n2,"',
        [(1, "a")],
        [(3, "readable_row: a quoted field is never closed")],
    ),
    "text after a quote": (
        b'id,name\n1,"a"b\n2,c\n',
        [(2, "c")],
        [(2, "readable_row: text follows a closing quote")],
    ),
    "a quote within a field": (b'id,name\n1,5" pipe\n', [(1, '5" pipe')], []),
    "NUL bytes": (
        b"id,name\n1,a\x00b\n\x00,c\n",
        [(1, "a\x00b")],
        [(3, "type:id: id cannot be read as int")],
    ),
    "every plane of Unicode": ("id,name\n1,é 漢 😀 \u200f\n".encode(), [(1, "é 漢 😀 \u200f")], []),
    "nothing but a header": (b"id,name\n", [], []),
    "white space around values": (b"id,name\n 1 , a \n", [(1, " a ")], []),
}


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inner.csv", content)
    return out.getvalue()


@pytest.mark.parametrize("name", SPECTRUM)
def test_a_spectrum_of_csv(bench: Workbench, name: str) -> None:
    content, rows, refused = SPECTRUM[name]

    result = bench.ingest(COLUMNS, bench.land("a.csv", content))

    assert counts(result) == (len(rows) + len(refused), len(rows), len(refused))
    assert bench.rows("orders", "id", "name") == sorted(rows, key=str)
    assert (bench.refused_lines() if refused else []) == refused


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252", "cp437"])
def test_other_encodings_are_read_as_declared(bench: Workbench, encoding: str) -> None:
    content = "id,name\n1,café\n".encode(encoding)

    result = bench.ingest(COLUMNS, bench.land("a.csv", content), options={"encoding": encoding})

    assert (counts(result), bench.rows("orders", "id", "name")) == ((1, 1, 0), [(1, "café")])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latin.csv", "id,name\n1,café\n".encode("latin-1")),
        ("wide.csv", "id,name\n1,café\n".encode("utf-16")),
        ("cut.csv.gz", gzip.compress(LINES)[:-9]),
        ("cut.csv.bz2", bz2.compress(LINES)[:-9]),
        ("cut.csv.xz", lzma.compress(LINES)[:-9]),
        ("turned.csv.gz", gzip.compress(LINES)[:300] + b"\xff" * 40 + gzip.compress(LINES)[340:]),
        ("plain.csv.zip", LINES),
        ("cut.csv.zip", zipped(LINES)[:-9]),
        ("short.csv.zip", zipped(LINES)[:2_000]),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else ""
    ),  # compressed bytes carry the time: no name for a case
)
def test_a_file_that_cannot_be_read_to_its_end_is_rejected_whole(
    bench: Workbench, name: str, content: bytes
) -> None:
    good = bench.land("good.csv", b"id,name\n1,a\n")

    result = bench.ingest(COLUMNS, good, bench.land(name, content))

    assert [file["status"] for file in result["files"]] == ["done", "rejected"]
    assert counts(result) == (1, 1, 0)
    assert bench.rows("orders", "id", "name") == [(1, "a")]


def test_lines_of_ten_megabytes(bench: Workbench) -> None:
    long = b"x" * (10 << 20)
    content = b'id,name\n1,"' + long + b'"\n2,' + long + b'\n3,"' + long + b"\n4,after\n"
    lines = b'{"id": 1, "name": "' + long + b'"}\n{"id": 2, "name": "' + long + b"\n"

    csv = bench.ingest(COLUMNS, bench.land("a.csv", content))
    json = bench.ingest(COLUMNS, bench.land("a.json", lines), format="json", dataset="objects")

    assert counts(csv) == (4, 3, 1)
    assert [line for line, _ in bench.refused_lines()] == [4]
    assert counts(json) == (2, 1, 1)
    assert [line for line, _ in bench.refused_lines("objects")] == [2]
