"""The function that the engine calls: rows of (path, content) in, rows of text and one closing row per file out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from spark_runtime.readers.containers import as_utf8, open_members
from spark_runtime.readers.read_csv import CsvLayout, read_csv
from spark_runtime.readers.read_json import read_json_lines
from spark_runtime.readers.read_parquet import read_parquet
from spark_runtime.readers.records import Parsed, TextArray, UnreadableFile

# Kinds of output rows.
GOOD, REFUSED, CLOSING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A listed file: its number in the node spec, and its size when it landed."""

    number: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What the parser must know.

    Attributes:
        format: ``csv``, ``json`` or ``parquet``.
        encoding: Python's name of the encoding of text formats.
        files: Listed files by path without scheme and account.
    """

    format: str
    encoding: str
    columns: tuple[str, ...]
    files: dict[str, ExpectedFile]
    csv: CsvLayout | None = field(default=None)


def output_names(columns: int) -> list[str]:
    """Return the column names of the output: file, kind, fault, raw text, row count, and the values."""
    return [
        "_lf_file",
        "_lf_kind",
        "_lf_fault",
        "_lf_raw",
        "_lf_rows",
        *(f"_lf_c{at}" for at in range(columns)),
    ]


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
                yield from _file_rows(path, contents[row].as_buffer(), file, plan)

    return parse


def _file_rows(path: str, content: pa.Buffer, file: ExpectedFile, plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    rows = 0
    fault = None
    try:
        if content.size != file.size_bytes:
            raise UnreadableFile(
                f"it has {content.size} bytes and had {file.size_bytes} when it landed: it was replaced since; "
                "the newer version comes with its own event"
            )
        for parsed in _parsed(path, content, plan):
            good = len(parsed.columns[0]) if parsed.columns else 0
            rows += good + len(parsed.refused)
            if good:
                yield _batch(good, file.number, GOOD, values=parsed.columns, width=len(plan.columns))
            if parsed.refused:
                yield _batch(
                    len(parsed.refused),
                    file.number,
                    REFUSED,
                    faults=[record.reason for record in parsed.refused],
                    raws=[record.text for record in parsed.refused],
                    width=len(plan.columns),
                )
    except UnreadableFile as error:
        fault = str(error)
    except pa.ArrowInvalid as error:
        fault = f"cannot be parsed: {error}"
    yield _batch(1, file.number, CLOSING, faults=[fault], rows=rows, width=len(plan.columns))


def _parsed(path: str, content: pa.Buffer, plan: ReadPlan) -> Iterator[Parsed]:
    if plan.format == "parquet":
        yield from read_parquet(content, plan.columns)
        return
    for member in open_members(path, content):
        chunks = as_utf8(member, plan.encoding)
        if plan.csv is not None:
            yield from read_csv(chunks, plan.csv)
        else:
            yield from read_json_lines(chunks, plan.columns)


def _batch(
    length: int,
    file: int,
    kind: int,
    *,
    width: int,
    values: tuple[TextArray, ...] | None = None,
    faults: list[str | None] | list[str] | None = None,
    raws: list[str] | None = None,
    rows: int | None = None,
) -> pa.RecordBatch:
    texts = pa.nulls(length, pa.string())
    arrays = [
        pa.repeat(pa.scalar(file, pa.int32()), length),
        pa.repeat(pa.scalar(kind, pa.int32()), length),
        texts if faults is None else pa.array(faults, pa.string()),
        texts if raws is None else pa.array(raws, pa.string()),
        pa.repeat(pa.scalar(rows, pa.int64()), length),
        *(values or [texts] * width),
    ]
    return pa.RecordBatch.from_arrays(arrays, names=output_names(width))
