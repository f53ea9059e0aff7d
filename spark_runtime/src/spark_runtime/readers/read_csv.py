"""CSV: text of one file in, columns of text out, every record accounted for."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as arrow_csv

from spark_runtime.readers.csv_grammar import CsvLayout, Grammar, blocks, without_first_lines
from spark_runtime.readers.records import (
    THE_START,
    Match,
    Parsed,
    RefusedRecord,
    Start,
    TextArray,
    Wanted,
    json_objects,
    match_columns,
)


def read_csv(
    chunks: Iterator[bytes], layout: CsvLayout, wanted: Wanted, start: Start = THE_START
) -> Iterator[Parsed]:
    """Yield the records of one CSV text.

    Args:
        chunks: The text in UTF-8, without a byte order mark.
        start: Where it begins, if that is a record in the middle of a file.

    Raises:
        UnreadableFile: Raised by the chunks.
        Drifted: The file has other columns, and the declared ones are frozen.
    """
    grammar = Grammar(layout)
    header = None if start.record is None else _header_of(start.record, layout, wanted)
    line = start.line
    if start.line == 1:
        chunks = without_first_lines(chunks, layout.skip_lines)
        line += layout.skip_lines
    for block in blocks(chunks, grammar, line):
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
    grammar = Grammar(layout)
    for block in blocks(without_first_lines(chunks, layout.skip_lines), grammar, 1):
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
    # Without an end of line it would be no block for the parser.
    text = record.encode() + b"\n"
    table = arrow_csv.read_csv(
        io.BytesIO(text),
        read_options=arrow_csv.ReadOptions(
            autogenerate_column_names=True, use_threads=False, block_size=len(text) + 1
        ),
        parse_options=_parse_options(layout, multi_line=True),
        # Its own names of columns are f0, f1 and so on.
        convert_options=arrow_csv.ConvertOptions(
            column_types={f"f{at}": pa.string() for at in range(text.count(layout.delimiter.encode()) + 1)}
        ),
    )
    return [str(column[0]) for column in table.columns]


def _parse_options(
    layout: CsvLayout,
    *,
    multi_line: bool,
    refuse: Callable[[arrow_csv.InvalidRow], Literal["skip"]] | None = None,
) -> arrow_csv.ParseOptions:
    return arrow_csv.ParseOptions(
        delimiter=layout.delimiter,
        quote_char=layout.quote or False,
        double_quote=layout.quote is not None,
        escape_char=layout.escape or False,
        newlines_in_values=multi_line,
        invalid_row_handler=refuse,
    )


def _parse(
    pieces: Sequence[tuple[bytes, int]],
    refused: list[RefusedRecord],
    header: _Header,
    layout: CsvLayout,
    grammar: Grammar,
    *,
    multi_line: bool,
) -> Parsed:
    text = b"".join(piece for piece, _ in pieces)
    if not text.strip(b"\r\n"):
        return Parsed((), tuple(refused))
    if not text.endswith((b"\n", b"\r")):
        # An empty field right at the end of the text would count as quoted if the one before it is.
        text += b"\n"
    ragged: list[arrow_csv.InvalidRow] = []

    def refuse(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        ragged.append(row)
        return "skip"

    names = [str(position) for position in range(header.width)]
    table = arrow_csv.read_csv(
        io.BytesIO(text),
        # One block: the text is already cut to size, and pyarrow must not cut it within a record.
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(text) + 1),
        parse_options=_parse_options(layout, multi_line=multi_line, refuse=refuse),
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
