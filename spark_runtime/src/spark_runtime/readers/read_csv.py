"""CSV: text of one file in, columns of text out, every record accounted for.

Records are found before they are parsed, because a parser that meets an unclosed quote swallows the rest of the
file without a word. Runs of lines without a quote are records as they are; a line with one must match the grammar
of RFC 4180, from its first byte to the end of its record. What does not match is refused as that one line.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as arrow_csv

from spark_runtime.readers.records import (
    Match,
    Parsed,
    RefusedRecord,
    TextArray,
    Wanted,
    json_objects,
    match_columns,
)

# A quoted field may hold line feeds; beyond this length its opening quote counts as a stray one.
MAX_RECORD_BYTES = 64 << 20
_BLANK_LINE = re.compile(rb"\A\r?\n|\n\r?\n")


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How a CSV source is written.

    Attributes:
        null_values: Unquoted texts that mean null, besides the empty one.
        quote: Quote character, or ``None`` when quotes mean nothing.
        escape: Character that takes the meaning from the next one, or ``None``; a doubled quote always works.
        comment: Character that makes a line a comment, or ``None``.
        multi_line: Whether a quoted field may hold line ends.
        skip_lines: Lines before the header, or before the first record.
    """

    header: bool
    delimiter: str
    quote: str | None
    escape: str | None
    comment: str | None
    null_values: tuple[str, ...]
    multi_line: bool = True
    skip_lines: int = 0


def read_csv(chunks: Iterator[bytes], layout: CsvLayout, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the records of one CSV text.

    Args:
        chunks: The text in UTF-8, without a byte order mark.

    Raises:
        UnreadableFile: Raised by the chunks.
        Drifted: The file has other columns, and the declared ones are frozen.
    """
    grammar = _Grammar(layout)
    header: _Header | None = None
    for block in _blocks(_without_first_lines(chunks, layout.skip_lines), grammar, layout.skip_lines + 1):
        refused = list(block.refused)
        pieces = list(block.pieces)
        if header is None and layout.header and block.starts_refused:
            header = _Header(Match(fault=f"the header line cannot be read: {refused.pop(0).reason}"), 0)
        if header is None:
            first = grammar.first_record(pieces)
            if first is None:
                yield Parsed((), tuple(refused))
                continue
            header = _header_of(first, layout, wanted)
            if layout.header:
                pieces = grammar.after_first_record(pieces)
        if header.match.fault is not None:
            refused += [
                RefusedRecord(record, header.match.fault, line) for record, line in grammar.records(pieces)
            ]
            yield Parsed((), tuple(refused))
            continue
        yield _parse(pieces, refused, header, layout, grammar, multi_line=block.multi_line)


def header_names(chunks: Iterator[bytes], layout: CsvLayout) -> list[str]:
    """Return the names in the header of one text; nothing if it has none that can be read.

    Raises:
        UnreadableFile: Raised by the chunks.
    """
    grammar = _Grammar(layout)
    for block in _blocks(_without_first_lines(chunks, layout.skip_lines), grammar, 1):
        if block.starts_refused:
            return []
        first = grammar.first_record(block.pieces)
        if first is not None:
            names = _fields(first, layout)
            return names if layout.header else [f"_c{at}" for at in range(len(names))]
    return []


@dataclass(frozen=True, slots=True)
class _Header:
    """Where each declared column stands in a record of ``width`` fields, or why the file does not fit."""

    match: Match
    width: int


def _header_of(record: str, layout: CsvLayout, wanted: Wanted) -> _Header:
    fields = _fields(record, layout)
    if not layout.header:
        if wanted.extra == "refuse":
            # Every record is held against the declared columns: one that differs is ragged, not the file.
            return _Header(Match(tuple(range(len(wanted.names)))), len(wanted.names))
        fields = [""] * len(fields)
        wanted = replace(wanted, by_position=True)
    return _Header(match_columns(fields, wanted), len(fields))


def _fields(record: str, layout: CsvLayout) -> list[str]:
    return next(
        csv.reader(
            io.StringIO(record, newline=""),
            delimiter=layout.delimiter,
            quotechar=layout.quote,
            escapechar=layout.escape,
            quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
        ),
        [],
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole records, and the lines between them that are none.

    Attributes:
        pieces: Runs of records that follow each other, and the line of the first, counted from 1.
        multi_line: Whether a record spans lines.
        starts_refused: Whether the first refused line stood before every record.
    """

    pieces: tuple[tuple[bytes, int], ...]
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
            ends = quote + (escape or b"") + (b"" if layout.multi_line else rb"\r\n")
            inside = _run_of(ends, doubled)
            field = rb"(?:" + quote + inside + quote + rb"|(?!" + quote + rb")" + plain + rb")"
            self._open = re.compile(
                rb"(?:"
                + field
                + delimiter
                + rb")*"
                + quote
                + inside
                + (escape + rb"?" if escape else b"")
                + (rb"\Z" if layout.multi_line else rb"(?=[\r\n]|\Z)"),
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

    def split(self, data: bytes, line: int, *, complete: bool) -> tuple[_Block, bytes]:
        """Return the records that end in ``data``, and the beginning of one that does not.

        Args:
            line: Line with which ``data`` begins.
            complete: Whether the text ends with ``data``.
        """
        end = len(data) if complete else data.rfind(b"\n") + 1
        pieces: list[tuple[bytes, int]] = []
        refused: list[RefusedRecord] = []
        multi_line = starts_refused = False
        kept_from = at = 0
        counted = 0  # up to there ``line`` is known

        def line_at(position: int) -> int:
            nonlocal line, counted
            line += data.count(b"\n", counted, position)
            counted = position
            return line

        def keep(until: int) -> None:
            if until > kept_from:
                pieces.append((data[kept_from:until], line_at(kept_from)))

        while found := self._special.search(data, at, end):
            start = max(data.rfind(b"\n", 0, found.start()) + 1, at)
            line_end = data.find(b"\n", start) + 1 or len(data)
            if self._comment and data.startswith(self._comment, start):
                keep(start)
                kept_from = at = line_end
                continue
            record = self._record.match(data, start)
            if record and (complete or record.group().endswith(b"\n")):
                at = record.end()
                multi_line = multi_line or at > line_end
                continue
            opened = self._open.match(data, start) is not None
            if not complete and (record or opened) and len(data) - start < MAX_RECORD_BYTES:
                end = start
                break
            keep(start)
            if not refused:
                starts_refused = not any(piece.strip(b"\r\n") for piece, _ in pieces)
            reason = "a quoted field is never closed" if opened else "text follows a closing quote"
            refused.append(RefusedRecord(_as_text(data[start:line_end]), reason, line_at(start)))
            kept_from = at = line_end
        end = max(end, at)
        keep(end)
        return _Block(tuple(pieces), tuple(refused), multi_line, starts_refused), data[end:]

    def next_record(self, text: bytes, start: int) -> tuple[int, int]:
        """Return where the first record at or after ``start`` that is not blank begins and ends; equal at the end."""
        while start < len(text) and text[start] in b"\r\n":
            start += 1
        if start == len(text):
            return start, start
        record = self._record.match(text, start)
        return start, record.end() if record else text.find(b"\n", start) + 1 or len(text)

    def first_record(self, pieces: Sequence[tuple[bytes, int]]) -> str | None:
        return next((record for record, _ in self.records(pieces)), None)

    def after_first_record(self, pieces: Sequence[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        """Return the pieces without their first record and what is blank before it."""
        for number, (text, line) in enumerate(pieces):
            start, end = self.next_record(text, 0)
            if start < end:
                return [(text[end:], line + text.count(b"\n", 0, end)), *pieces[number + 1 :]]
        return []

    def records(self, pieces: Iterable[tuple[bytes, int]]) -> Iterator[tuple[str, int]]:
        """Yield each record of pieces that hold whole records only, and its line."""
        for text, first in pieces:
            line, counted = first, 0
            start, end = self.next_record(text, 0)
            while start < end:
                line += text.count(b"\n", counted, start)
                counted = start
                yield _as_text(text[start:end]), line
                start, end = self.next_record(text, end)

    def lines(self, pieces: Sequence[tuple[bytes, int]], *, multi_line: bool) -> list[int]:
        """Return the line of each record."""
        lines: list[int] = []
        for text, first in pieces:
            if multi_line or _BLANK_LINE.search(text):
                lines.extend(line for _, line in self.records([(text, first)]))
            else:
                lines.extend(range(first, first + text.count(b"\n") + (not text.endswith(b"\n"))))
        return lines


def _run_of(ends: bytes, pair: bytes | None) -> bytes:
    """Return the expression of any characters but ``ends``, and of ``pair`` where it stands among them."""
    run = rb"[^" + ends + rb"]*+"
    return run + rb"(?:(?:" + pair + rb")" + run + rb")*" if pair else run


def _without_first_lines(chunks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for chunk in chunks:
        while lines and chunk:
            end = chunk.find(b"\n") + 1
            lines -= bool(end)
            chunk = chunk[end:] if end else b""
        yield chunk


def _blocks(chunks: Iterator[bytes], grammar: _Grammar, line: int) -> Iterator[_Block]:
    carried = b""
    for chunk in chunks:
        data = carried + chunk
        block, carried = grammar.split(data, line, complete=False)
        line += data.count(b"\n", 0, len(data) - len(carried))
        yield block
    block, _ = grammar.split(carried, line, complete=True)
    yield block


def _parse(
    pieces: Sequence[tuple[bytes, int]],
    refused: list[RefusedRecord],
    header: _Header,
    layout: CsvLayout,
    grammar: _Grammar,
    *,
    multi_line: bool,
) -> Parsed:
    text = b"".join(piece for piece, _ in pieces)
    if not text.strip(b"\r\n"):
        return Parsed((), tuple(refused))
    ragged: list[arrow_csv.InvalidRow] = []

    def refuse(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        ragged.append(row)
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
    lines = grammar.lines(pieces, multi_line=multi_line)
    if len(lines) != table.num_rows + len(ragged):
        # A bare carriage return ends a record for pyarrow and no line for an editor: better no line than a wrong one.
        lines = []
    for row in ragged:
        found = f"{row.actual_columns} field{'' if row.actual_columns == 1 else 's'}"
        at = lines[row.number - 1] if lines and row.number is not None else None
        refused.append(RefusedRecord(row.text, f"{found} instead of {row.expected_columns}", at))
    if lines and ragged:
        skipped = {row.number for row in ragged}
        lines = [line for number, line in enumerate(lines, 1) if number not in skipped]
    columns = tuple(
        pa.nulls(table.num_rows, pa.string()) if position is None else _only_chunk(table.column(position))
        for position in header.match.positions
    )
    extra = None
    if header.match.extra and table.num_rows:
        kept = [table.column(position).to_pylist() for _, position in header.match.extra]
        extra = pa.array(json_objects([name for name, _ in header.match.extra], kept), pa.string())
    return Parsed(columns, tuple(refused), pa.array(lines, pa.int64()) if lines else None, extra)


def _only_chunk(column: Any) -> TextArray:
    return column.chunk(0) if column.num_chunks else pa.array([], pa.string())


def _as_text(record: bytes) -> str:
    return record.decode(errors="replace").rstrip("\r\n")
