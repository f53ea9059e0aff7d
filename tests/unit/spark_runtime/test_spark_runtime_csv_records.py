"""Finding and parsing CSV records, without an engine: chunk borders, quotes, and no byte lost."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_runtime.readers.containers import as_utf8
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.read_csv import read_csv
from spark_runtime.readers.records import UnreadableFile, Wanted

LAYOUT = CsvLayout(header=False, delimiter=",", quote='"', escape=None, comment=None, null_values=())
WANTED = Wanted(("a", "b"))
Rows = list[tuple[str | None, ...]]


def parse(content: bytes, layout: CsvLayout = LAYOUT, chunk: int = 1 << 20) -> tuple[Rows, list[str]]:
    """Return the good records and the texts of the refused ones."""
    rows: Rows = []
    refused: list[str] = []
    for parsed in read_csv(as_utf8(chunks_of(content, chunk), "utf-8"), layout, WANTED):
        rows += zip(*(column.to_pylist() for column in parsed.columns), strict=True)
        refused += [record.text for record in parsed.refused]
    return rows, refused


def chunks_of(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize(
    ("content", "rows", "refused"),
    [
        (b'1,"x, ""y"""\n', [("1", 'x, "y"')], []),
        (b'1,"x\r\ny"\r\n2,z\r\n', [("1", "x\r\ny"), ("2", "z")], []),
        (b'1,5" pipe\n', [("1", '5" pipe')], []),
        (b'1,"open\n2,y\n', [("2", "y")], ['1,"open']),
        (b'1,"open\n2,"y"\n', [("2", "y")], ['1,"open']),
        (b'1,"a"b\n2,y', [("2", "y")], ['1,"a"b']),
        (b"1\n1,2,3\n\n\n4,5\n", [("4", "5")], ["1", "1,2,3"]),
        (b"1,2\r3,4\r", [("1", "2"), ("3", "4")], []),
        (b'"","\x00"\n,x\n', [("", "\x00"), (None, "x")], []),
        (b'1,"', [], ['1,"']),
        (b'"1",', [("1", None)], []),
        (b'"1",""', [("1", "")], []),
        (b"", [], []),
    ],
)
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_records(content: bytes, rows: Rows, refused: list[str], chunk: int) -> None:
    # A bare carriage return can only be told from half a line end when the text is long enough.
    if b"\r3" in content and chunk < 5:
        return

    assert parse(content, chunk=chunk) == (rows, refused)


def test_comments_and_escapes() -> None:
    layout = replace(LAYOUT, comment="#", escape="\\")

    rows, refused = parse(b'# "x\n1,"a\n#b\\""\n#\n2\\,2,c\n', layout, chunk=2)

    assert (rows, refused) == ([("1", 'a\n#b"'), ("2,2", "c")], [])


def test_a_refused_line_after_the_header_leaves_the_others_their_lines() -> None:
    layout = replace(LAYOUT, header=True, multi_line=False)

    parts = list(read_csv(iter([b'a,b\n1,"open\n2,x\n3,y\n']), layout, WANTED))

    assert [part.lines.to_pylist() for part in parts if part.lines is not None] == [[3, 4]]
    assert [(record.line, record.text) for part in parts for record in part.refused] == [(2, '1,"open')]


def test_a_quote_that_no_line_end_may_follow_is_refused_at_once() -> None:
    layout = replace(LAYOUT, multi_line=False)

    parts = read_csv(iter([b'1,"open\n', b"2,x\n"]), layout, WANTED)

    assert [record.text for record in next(parts).refused] == ['1,"open']


TEXT = st.text(st.sampled_from('ab,"\n\r #é'), max_size=60)


@given(text=TEXT, chunk=st.integers(1, 70))
def test_where_a_chunk_ends_does_not_matter(text: str, chunk: int) -> None:
    content = text.encode()
    if "\r" in text and "\n" not in text.partition("\r")[0][:chunk]:
        return  # What ends lines is decided on the first chunk, megabytes in earnest.

    rows, refused = parse(content, chunk=chunk)
    whole_rows, whole_refused = parse(content)

    # Of one chunk, lines that are no records come before records of another width.
    assert (rows, sorted(refused)) == (whole_rows, sorted(whole_refused))


@given(lines=st.lists(st.text(st.sampled_from('ab,"é '), min_size=1, max_size=12), max_size=12))
def test_every_line_is_in_one_record(lines: list[str]) -> None:
    rows, refused = parse("".join(line + "\n" for line in lines).encode())

    spanned = sum(1 + sum((value or "").count("\n") for value in row) for row in rows)
    spanned += sum(1 + text.count("\n") for text in refused)
    assert spanned == len(lines)


def test_bytes_of_another_encoding_make_the_file_unreadable() -> None:
    with pytest.raises(UnreadableFile, match="0xe9 is not utf-8"):
        parse("1,café\n".encode("latin-1"))


def test_utf_16_is_read_as_declared() -> None:
    content = "1,café\n".encode("utf-16")

    chunks = as_utf8(chunks_of(content, 3), "utf-16")
    parsed = [batch for batch in read_csv(chunks, LAYOUT, WANTED) if batch.columns]

    assert parsed[0].columns[1].to_pylist() == ["café"]


@pytest.mark.parametrize("declared", ["latin-1", "cp1252", "iso-8859-15", "cp1251"])
@pytest.mark.parametrize(
    ("written", "meant"), [("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-be", "utf-16")]
)
def test_a_file_that_says_it_is_unicode_is_not_read_as_something_else(
    written: str, meant: str, declared: str
) -> None:
    mark = "\ufeff" if written == "utf-16-be" else ""
    content = f"{mark}id,city\n1,K\u00f6ln\n".encode(written)

    with pytest.raises(UnreadableFile, match=f"byte order mark of {meant} and is declared as {declared}"):
        list(as_utf8(iter([content]), declared))


def test_letters_that_look_like_a_mark_are_letters() -> None:
    content = "\u044f\u044e,1\n".encode("cp1251")

    assert b"".join(as_utf8(iter([content]), "cp1251")).decode() == "\u044f\u044e,1\n"
