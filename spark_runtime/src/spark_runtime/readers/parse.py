"""The function that the engine calls: rows of (path, content) in, rows of text and one closing row per file out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from spark_runtime.readers.blocks import BlockChanged, Cut, TextBlock, chunks_of
from spark_runtime.readers.containers import as_utf8, open_members
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.further_json import with_further, without_nulls
from spark_runtime.readers.nested import PLAIN, NestedColumn, Spelling, as_nested, nested_arrow_type
from spark_runtime.readers.read_avro import avro_columns, read_avro
from spark_runtime.readers.read_columnar import columns_of, read_columnar
from spark_runtime.readers.read_csv import header_names, read_csv
from spark_runtime.readers.read_excel import ExcelLayout, names_in, read_excel, sheet_rows
from spark_runtime.readers.read_fixed import FixedLayout, read_fixed
from spark_runtime.readers.read_json import read_json_document, read_json_lines
from spark_runtime.readers.read_xml import XmlLayout, read_xml
from spark_runtime.readers.records import (
    THE_START,
    Parsed,
    Start,
    TextArray,
    UnreadableFile,
    Wanted,
    loads,
)
from spark_runtime.readers.type_tree import Part, type_tree

# Kinds of output rows.
GOOD, REFUSED, CLOSING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file to read: its number among them, and its size when it landed.

    Attributes:
        partition: Name and text of the columns that the log of its table holds instead of the file.
        rows: How many rows that log says it has.
    """

    number: int
    size_bytes: int
    partition: tuple[tuple[str, str | None], ...] = ()
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class JsonLayout:
    """Whether a file is one JSON document instead of one object per line."""

    document: bool


Layout = CsvLayout | JsonLayout | FixedLayout | XmlLayout | ExcelLayout | None


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What the parser must know.

    Attributes:
        format: ``csv``, ``json``, ``fixed``, ``xml``, ``excel``, ``parquet``, ``orc``, ``avro`` or ``delta``.
        encoding: Python's name of the encoding of text formats.
        files: Listed files by path without scheme and account.
        layout: How the files are written; ``None`` for formats that say it themselves.
        kinds: Spark SQL type of each wanted column, in its one spelling.
        nested: Those of a nested type.
        spelling: How their values are written.
        typed: Number and type of each whose values may come as they are in the file.
    """

    format: str
    encoding: str
    wanted: Wanted
    files: dict[str, ExpectedFile]
    layout: Layout = None
    kinds: tuple[str, ...] = ()
    nested: tuple[NestedColumn, ...] = ()
    spelling: Spelling = PLAIN
    typed: tuple[tuple[int, str], ...] = ()


def output_columns(plan: ReadPlan) -> dict[str, str]:
    """Return the columns of the output and their types: where a row comes from, its texts, its values.

    ``_lf_rows`` is the number of records in a closing row, ``_lf_extra`` holds further columns as JSON, ``_lf_c{n}``
    is the text of declared column n, and ``_lf_v{n}`` its value where the file had it as such; the text may be null
    then. Of one whose type is nested there are its value and what does not fit, see ``nested_columns``.
    """
    return {
        "_lf_file": "int",
        "_lf_kind": "int",
        "_lf_fault": "string",
        "_lf_raw": "string",
        "_lf_rows": "bigint",
        "_lf_line": "bigint",
        "_lf_extra": "string",
        **{f"_lf_c{at}": "string" for at in range(len(plan.wanted.names))},
        **nested_columns(plan.nested),
        **{f"_lf_v{at}": kind for at, kind in plan.typed},
    }


def nested_columns(nested: Iterable[NestedColumn]) -> dict[str, str]:
    """Return the columns, and their types, that tell of each declared column n of a nested type.

    ``_lf_n{n}`` is its value, null where a part does not fit, ``_lf_e{n}`` the paths of such parts and ``_lf_d{n}``
    the same in words.
    """
    found: dict[str, str] = {}
    for column in nested:
        at = column.at
        found |= {f"_lf_n{at}": column.kind, f"_lf_e{at}": "string", f"_lf_d{at}": "string"}
    return found


def bare_path(path: str) -> str:
    """Return a path without scheme, account and leading slash, the only form that all engines report."""
    _, separator, rest = path.partition("://")
    if separator:
        path = rest.partition("/")[2]
    elif path.startswith("file:"):
        path = path.removeprefix("file:")
    return path.lstrip("/")


def make_parser(plan: ReadPlan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow``.

    Its closing row of a file carries the number of its records, or as fault why the file is rejected; rows of a
    rejected file that came before it must not be used.
    """

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for path, content, file in _listed(batches, plan):
            yield from _rows_of(file.number, _parsed(path, content, file, plan), plan, file.rows)

    return parse


def make_block_parser(
    plan: ReadPlan, blocks: Mapping[int, tuple[int, TextBlock]], cut: Cut
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow`` that reads blocks of one file; a closing row ends each of them.

    Args:
        cut: See ``make_surveyor``.
        blocks: By position, the number of a block among all that is read, and the block.
    """

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, block, texts in _listed_blocks(cut(batches), plan, blocks):
            # Without its closing row a block that is not the surveyed one cannot be published.
            with suppress(BlockChanged):
                yield from _rows_of(number, _parsed_text(texts, plan, block.start), plan)

    return parse


def make_block_finder(
    plan: ReadPlan, blocks: Mapping[int, tuple[int, TextBlock]], cut: Cut
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow`` that tells name and type of each column that blocks of one file have."""

    def find(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _, block, texts in _listed_blocks(cut(batches), plan, blocks):
            names: dict[str, None] = {}
            with suppress(UnreadableFile, BlockChanged, pa.ArrowInvalid):
                if not isinstance(plan.layout, CsvLayout):
                    parts = _parsed_text(texts, plan, block.start)
                    names = dict.fromkeys(name for parsed in parts for name in _kept_names(parsed))
                elif block.start.record is None:
                    names = dict.fromkeys(header_names(texts, plan.layout))
            yield pa.RecordBatch.from_arrays(
                [pa.array(list(names), pa.string()), pa.array(["string"] * len(names), pa.string())],
                names=["name", "type"],
            )

    return find


def _listed_blocks(
    found: Iterator[tuple[int, Iterator[bytes]]], plan: ReadPlan, blocks: Mapping[int, tuple[int, TextBlock]]
) -> Iterator[tuple[int, TextBlock, Iterator[bytes]]]:
    for position, chunks in found:
        if position in blocks:
            number, block = blocks[position]
            yield (
                number,
                block,
                as_utf8(chunks_of(chunks, block), plan.encoding, from_start=block.start.line == 1),
            )


def make_finder(plan: ReadPlan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow`` that tells name and type of each column the files have."""

    def find(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for path, content, file in _listed(batches, plan):
            try:
                found = dict(_found_columns(path, content, file, plan))
            except (UnreadableFile, pa.ArrowInvalid):
                # Why it cannot be read is told when it is read.
                found = {}
            yield pa.RecordBatch.from_arrays(
                [pa.array(list(found), pa.string()), pa.array(list(found.values()), pa.string())],
                names=["name", "type"],
            )

    return find


def _listed(
    batches: Iterator[pa.RecordBatch], plan: ReadPlan
) -> Iterator[tuple[str, pa.Buffer, ExpectedFile]]:
    done: set[int] = set()
    for batch in batches:
        paths: list[Any] = batch.column("path").to_pylist()
        contents = batch.column("content")
        for row, path in enumerate(paths):
            file = plan.files.get(bare_path(path))
            # Not listed: a pattern stood for a character that engines take for one. Seen before: Sail
            # returns a large file once per scan partition; the rows were brought together by path.
            if file is None or file.number in done:
                continue
            done.add(file.number)
            yield path, contents[row].as_buffer(), file


def _rows_of(
    number: int, parts: Iterator[Parsed], plan: ReadPlan, expected: int | None = None
) -> Iterator[pa.RecordBatch]:
    rows = 0
    fault = None
    try:
        for parsed in parts:
            rows += parsed.good + len(parsed.refused)
            if parsed.good:
                yield _good_rows(parsed, number, plan)
            if parsed.refused:
                yield _batch(
                    len(parsed.refused),
                    number,
                    REFUSED,
                    plan,
                    {
                        "_lf_fault": pa.array([record.reason for record in parsed.refused], pa.string()),
                        "_lf_raw": pa.array([record.text for record in parsed.refused], pa.string()),
                        "_lf_line": pa.array([record.line for record in parsed.refused], pa.int64()),
                    },
                )
        if expected is not None and expected != rows:
            raise UnreadableFile(f"it holds {rows} rows, and the log of its table says {expected}")
    except UnreadableFile as error:
        fault = str(error)
    except pa.ArrowInvalid as error:
        fault = f"cannot be parsed: {error}"
    yield _batch(
        1,
        number,
        CLOSING,
        plan,
        {"_lf_fault": pa.array([fault], pa.string()), "_lf_rows": pa.array([rows], pa.int64())},
    )


def _good_rows(parsed: Parsed, number: int, plan: ReadPlan) -> pa.RecordBatch:
    values: dict[str, TextArray] = {f"_lf_c{at}": column for at, column in enumerate(parsed.columns)}
    values |= {f"_lf_v{at}": column for at, column in parsed.typed.items()}
    further: dict[int, dict[str, Any]] = {}
    for column in plan.nested:
        found = as_nested(parsed.columns[column.at], column, plan.spelling, parsed.lines)
        at = column.at
        values |= {f"_lf_n{at}": found.values, f"_lf_e{at}": found.misfits, f"_lf_d{at}": found.told}
        for row, fields in found.further.items():
            further.setdefault(row, {}).update(fields)
    if parsed.lines is not None:
        values["_lf_line"] = parsed.lines
    extra = with_further(without_nulls(parsed.extra), further, parsed.good)
    if extra is not None:
        values["_lf_extra"] = extra
    return _batch(parsed.good, number, GOOD, plan, values)


def _parsed(path: str, content: pa.Buffer, file: ExpectedFile, plan: ReadPlan) -> Iterator[Parsed]:
    layout, wanted = plan.layout, plan.wanted
    if content.size != file.size_bytes:
        raise UnreadableFile(
            f"it has {content.size} bytes and had {file.size_bytes} when it landed: it was replaced since; "
            "the newer version comes with its own event"
        )
    if plan.format in ("parquet", "orc", "delta"):
        yield from read_columnar(content, plan.format, wanted, _declared(plan), file.partition, plan.typed)
    elif plan.format == "avro":
        yield from read_avro(content, wanted, _declared(plan))
    elif isinstance(layout, ExcelLayout):
        yield from read_excel(content, layout, wanted)
    else:
        for member in open_members(path, content):
            if isinstance(layout, XmlLayout):
                # It says its encoding itself.
                yield from read_xml(member, layout, wanted)
                continue
            yield from _parsed_text(as_utf8(member, plan.encoding), plan, THE_START)


def _declared(plan: ReadPlan) -> tuple[Part, ...]:
    return tuple(type_tree(kind, name) for kind, name in zip(plan.kinds, plan.wanted.names, strict=True))


def _parsed_text(chunks: Iterator[bytes], plan: ReadPlan, start: Start) -> Iterator[Parsed]:
    layout, wanted = plan.layout, plan.wanted
    if isinstance(layout, CsvLayout):
        yield from read_csv(chunks, layout, wanted, start)
    elif isinstance(layout, FixedLayout):
        yield from read_fixed(chunks, layout, wanted, start)
    elif isinstance(layout, JsonLayout) and layout.document:
        yield from read_json_document(chunks, wanted)
    else:
        yield from read_json_lines(chunks, wanted, start)


def _found_columns(
    path: str, content: pa.Buffer, file: ExpectedFile, plan: ReadPlan
) -> Iterator[tuple[str, str]]:
    """Yield name and type of each column of a file; all are text where the format knows no types."""
    layout = plan.layout
    if plan.format in ("parquet", "orc", "delta"):
        yield from columns_of(content, plan.format)
        yield from ((name, "string") for name, _ in file.partition)
    elif plan.format == "avro":
        yield from ((name, "string") for name in avro_columns(content))
    elif isinstance(layout, ExcelLayout):
        first = next(sheet_rows(content, layout), (0, []))[1]
        yield from ((name or f"_c{at}", "string") for at, name in enumerate(names_in(first)))
    elif isinstance(layout, CsvLayout):
        for member in open_members(path, content):
            names = header_names(as_utf8(member, plan.encoding), layout)
            yield from ((name, "string") for name in names)
    elif not isinstance(layout, FixedLayout):
        # JSON and XML tell their fields with each record.
        for parsed in _parsed(path, content, file, plan):
            yield from ((name, "string") for name in _kept_names(parsed))


def _kept_names(parsed: Parsed) -> Iterator[str]:
    for text in parsed.extra.drop_null().to_pylist() if parsed.extra is not None else ():
        yield from loads(str(text))


def _batch(length: int, file: int, kind: int, plan: ReadPlan, values: dict[str, TextArray]) -> pa.RecordBatch:
    arrays: list[Any] = []
    names = output_columns(plan)
    kinds = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string()}
    numbers = {"_lf_file": file, "_lf_kind": kind}
    for name, type_name in names.items():
        if name in numbers:
            arrays.append(pa.repeat(pa.scalar(numbers[name], pa.int32()), length))
        elif name in values:
            arrays.append(values[name])
        else:
            arrow_type: Any = kinds.get(type_name) or nested_arrow_type(type_name)
            arrays.append(pa.nulls(length, arrow_type))
    return pa.RecordBatch.from_arrays(arrays, names=list(names))
