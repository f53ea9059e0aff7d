"""CSV: text of one file in, columns of text out, every record accounted for.

Records are found before they are parsed, because a parser that meets an unclosed quote swallows the rest of the
file without a word. Runs of lines without a quote are records as they are; a line with one must match the grammar
of RFC 4180, from its first byte to the end of its record. What does not match is refused as that one line.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as arrow_csv

from spark_runtime.readers.records import Parsed, RefusedRecord, TextArray, match_columns

# A quoted field may hold line feeds; beyond this length its opening quote counts as a stray one.
MAX_RECORD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How a CSV source is written.

    Attributes:
        columns: Declared column names, in order.
        null_values: Unquoted texts that mean null, besides the empty one.
        quote: Quote character, or ``None`` when quotes mean nothing.
        escape: Character that takes the meaning from the next one, or ``None``; a doubled quote always works.
        comment: Character that makes a line a comment, or ``None``.
    """

    columns: tuple[str, ...]
    header: bool
    delimiter: str
    quote: str | None
    escape: str | None
    comment: str | None
    null_values: tuple[str, ...]


def read_csv(chunks: Iterator[bytes], layout: CsvLayout) -> Iterator[Parsed]:
    """Yield the records of one CSV text.

    Args:
        chunks: The text in UTF-8, without a byte order mark.

    Raises:
        UnreadableFile: Raised by the chunks.
    """
    grammar = _Grammar(layout)
    header: _Header | None = (
        None if layout.header else _Header(list(range(len(layout.columns))), len(layout.columns))
    )
    for block in _blocks(chunks, grammar):
        refused = list(block.refused)
        text = block.text
        multi_line = block.multi_line
        if header is None and block.starts_refused:
            header = _Header([], 0, f"the header line cannot be read: {refused.pop(0).reason}")
        if header is None:
            first, start = grammar.next_record(text, 0)
            if first is None:
                yield Parsed((), tuple(refused))
                continue
            header = _read_header(first, layout)
            text = text[start:]
        if header.fault is not None:
            refused += [RefusedRecord(record, header.fault) for record in grammar.records(text)]
            yield Parsed((), tuple(refused))
            continue
        columns, ragged = _parse(text, header, layout, multi_line=multi_line)
        yield Parsed(columns, (*refused, *ragged))


@dataclass(frozen=True, slots=True)
class _Header:
    """Where each declared column stands in a record of ``width`` fields, or why the file does not fit."""

    positions: list[int]
    width: int
    fault: str | None = None


def _read_header(record: str, layout: CsvLayout) -> _Header:
    names = next(
        csv.reader(
            io.StringIO(record, newline=""),
            delimiter=layout.delimiter,
            quotechar=layout.quote,
            escapechar=layout.escape,
            quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
        ),
        [],
    )
    positions, fault = match_columns(names, layout.columns)
    return _Header(positions, len(names), fault)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole records in one text, and the lines between them that are none.

    Attributes:
        multi_line: Whether a record in the text spans lines.
        starts_refused: Whether the first refused line stood before every record.
    """

    text: bytes
    refused: tuple[RefusedRecord, ...]
    multi_line: bool
    starts_refused: bool


class _Grammar:
    """The regular expressions of one layout."""

    def __init__(self, layout: CsvLayout) -> None:
        delimiter = re.escape(layout.delimiter.encode())
        escape = re.escape(layout.escape.encode()) if layout.escape else None
        quote = re.escape(layout.quote.encode()) if layout.quote else None
        # No field can be read in two ways, so a match that fails fails in one pass over the text. Repetition is
        # possessive for single characters only: before Python 3.11.5 a possessive group loses its way.
        plain = _run_of(rb"\r\n" + delimiter + (escape or b""), escape + rb"." if escape else None)
        if quote is None:
            field = plain
            self._open = re.compile(rb"(?!)")
        else:
            doubled = quote + quote + (rb"|" + escape + rb"." if escape else b"")
            inside = _run_of(quote + (escape or b""), doubled)
            field = rb"(?:" + quote + inside + quote + rb"|(?!" + quote + rb")" + plain + rb")"
            self._open = re.compile(
                rb"(?:"
                + field
                + delimiter
                + rb")*"
                + quote
                + inside
                + (escape + rb"?" if escape else b"")
                + rb"\Z",
                re.DOTALL,
            )
        self._record = re.compile(
            rb"(?:" + field + rb")(?:" + delimiter + field + rb")*(?:\r?\n|\r?\Z)",
            re.DOTALL,
        )
        marks = [
            mark
            for mark in (
                quote,
                escape,
                rb"(?m:^)" + re.escape(layout.comment.encode()) if layout.comment else None,
            )
            if mark
        ]
        self._special = re.compile(b"|".join(marks)) if marks else re.compile(rb"(?!)")
        self._comment = layout.comment.encode() if layout.comment else None

    def split(self, data: bytes, *, complete: bool) -> tuple[_Block, bytes]:
        """Return the records that end in ``data``, and the beginning of one that does not.

        Args:
            complete: Whether the text ends with ``data``.
        """
        end = len(data) if complete else data.rfind(b"\n") + 1
        pieces: list[bytes] = []
        refused: list[RefusedRecord] = []
        multi_line = starts_refused = False
        kept_from = at = 0
        while found := self._special.search(data, at, end):
            line = max(data.rfind(b"\n", 0, found.start()) + 1, at)
            line_end = data.find(b"\n", line) + 1 or len(data)
            if self._comment and data.startswith(self._comment, line):
                pieces.append(data[kept_from:line])
                kept_from = at = line_end
                continue
            record = self._record.match(data, line)
            if record and (complete or record.group().endswith(b"\n")):
                at = record.end()
                multi_line = multi_line or at > line_end
                continue
            opened = self._open.match(data, line) is not None
            if not complete and (record or opened) and len(data) - line < MAX_RECORD_BYTES:
                end = line
                break
            pieces.append(data[kept_from:line])
            if not refused:
                starts_refused = not any(piece.strip(b"\r\n") for piece in pieces)
            reason = "a quoted field is never closed" if opened else "text follows a closing quote"
            refused.append(RefusedRecord(_as_text(data[line:line_end]), reason))
            kept_from = at = line_end
        end = max(end, at)
        pieces.append(data[kept_from:end])
        return _Block(b"".join(pieces), tuple(refused), multi_line, starts_refused), data[end:]

    def next_record(self, text: bytes, start: int) -> tuple[str | None, int]:
        """Return the first record at or after ``start`` that is not blank, and where it ends."""
        while start < len(text) and text[start] in b"\r\n":
            start += 1
        if start == len(text):
            return None, start
        record = self._record.match(text, start)
        end = record.end() if record else text.find(b"\n", start) + 1 or len(text)
        return _as_text(text[start:end]), end

    def records(self, text: bytes) -> Iterator[str]:
        """Yield each record of a text that holds whole records only."""
        record, end = self.next_record(text, 0)
        while record is not None:
            yield record
            record, end = self.next_record(text, end)


def _run_of(ends: bytes, pair: bytes | None) -> bytes:
    """Return the expression of any characters but ``ends``, and of ``pair`` where it stands among them."""
    run = rb"[^" + ends + rb"]*+"
    return run + rb"(?:(?:" + pair + rb")" + run + rb")*" if pair else run


def _blocks(chunks: Iterator[bytes], grammar: _Grammar) -> Iterator[_Block]:
    carried = b""
    for chunk in chunks:
        block, carried = grammar.split(carried + chunk, complete=False)
        yield block
    block, _ = grammar.split(carried, complete=True)
    yield block


def _parse(
    text: bytes, header: _Header, layout: CsvLayout, *, multi_line: bool
) -> tuple[tuple[TextArray, ...], list[RefusedRecord]]:
    if not text.strip(b"\r\n"):
        return (), []
    refused: list[RefusedRecord] = []

    def refuse(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        found = f"{row.actual_columns} field{'' if row.actual_columns == 1 else 's'}"
        refused.append(RefusedRecord(row.text, f"{found} instead of {row.expected_columns}"))
        return "skip"

    names = [str(position) for position in range(header.width)]
    table = arrow_csv.read_csv(
        io.BytesIO(text),
        # One block: the text is already cut to size, and pyarrow must not cut it within a record.
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(text) + 1),
        parse_options=arrow_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            double_quote=layout.quote is not None,
            escape_char=layout.escape or False,
            newlines_in_values=multi_line,
            invalid_row_handler=refuse,
        ),
        convert_options=arrow_csv.ConvertOptions(
            check_utf8=False,
            column_types={name: pa.string() for name in names},
            null_values=["", *layout.null_values],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    table = table.combine_chunks()
    columns = tuple(_only_chunk(table.column(position)) for position in header.positions)
    return columns, refused


def _only_chunk(column: Any) -> TextArray:
    return column.chunk(0) if column.num_chunks else pa.array([], pa.string())


def _as_text(record: bytes) -> str:
    return record.decode(errors="replace").rstrip("\r\n")
