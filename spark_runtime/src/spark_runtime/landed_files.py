"""Landed files as one frame of text columns: exactly the listed ones, each read once, whole or in blocks of lines.

Large plain texts come as lines (``large_texts``). The other files
come as bytes (``binaryFile``) and are parsed by our own functions inside the engine. That gives what the
engines' own readers cannot give together: the same verdict on every engine, the file of each row, faults of a
single row or file that leave the others alone, archives, and one plan however many files there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import chain
from types import MappingProxyType
from typing import Any

from pyspark import cloudpickle
from pyspark.sql import DataFrame

from spark_runtime import readers
from spark_runtime.casts import canonical_type, is_nested
from spark_runtime.column_spec import Column
from spark_runtime.errors import FileTooLarge, UnsupportedOption
from spark_runtime.file_addresses import findable
from spark_runtime.input_spec import Drift, FileFormat, FilesInput, LandedFile
from spark_runtime.job import Job
from spark_runtime.large_texts import blocks_frame
from spark_runtime.reader_options import null_texts, read_options
from spark_runtime.readers.blocks import Cut, TextBlock
from spark_runtime.readers.nested import NestedColumn, Spelling
from spark_runtime.readers.parse import (
    ExpectedFile,
    ReadPlan,
    bare_path,
    make_block_finder,
    make_block_parser,
    make_finder,
    make_parser,
    output_columns,
)
from spark_runtime.readers.records import Further, Wanted
from spark_runtime.readers.typed_values import may_come_typed

# One batch carries the bytes of several files; pyarrow's arrays of bytes end at 2 GiB, and memory before that.
GROUP_BYTES = 256 << 20
# From here on a file is a group of its own, of which an engine need hold no second copy.
ALONE_FROM_BYTES = 64 << 20
MAX_FILE_BYTES = (2 << 30) - 1

_KNOW_TYPES = frozenset({FileFormat.PARQUET, FileFormat.ORC, FileFormat.DELTA})
_EXTRA: dict[Drift, Further] = {
    Drift.QUARANTINE: "refuse",
    Drift.FREEZE: "fail",
    Drift.DISCARD: "ignore",
    Drift.RESCUE: "keep",
    Drift.EVOLVE: "keep",
}

# The engine's Python may hold no copy of this package, or the one of an earlier release.
cloudpickle.register_pickle_by_value(readers)  # type: ignore[no-untyped-call]


def read_landed_files(
    job: Job,
    source: FilesInput,
    found: tuple[Column, ...] = (),
    blocks: Mapping[int, TextBlock] = MappingProxyType({}),
) -> DataFrame:
    """Return the rows of the listed files as text, refused records, and one closing row per file.

    Columns: see ``readers.parse.output_columns``. Files without bytes have no rows, because engines do not report
    them; the caller knows them by their size.

    Args:
        found: Columns to read beside the declared ones.
        blocks: What of its file is read, by the number of a file that is a part of a large one.

    Raises:
        UnsupportedOption: A reader option is not known or has a value that cannot be honoured.
        FileTooLarge: A file cannot be read whole.
    """
    plan = read_plan(source, found, blocks)
    schema = ", ".join(f"{name} {kind}" for name, kind in output_columns(plan).items())
    read = _in_order(
        _whole_files(job, source, blocks, make_parser(plan), schema),
        _files_in_blocks(job, source, blocks, partial(make_block_parser, plan), schema),
    )
    return job.spark.createDataFrame([], schema) if read is None else read


def find_columns(job: Job, source: FilesInput, blocks: Mapping[int, TextBlock]) -> list[tuple[str, str]]:
    """Return name and type of each column that the listed files have, each pair once.

    Args:
        blocks: See ``read_landed_files``.

    Raises:
        UnsupportedOption: See ``read_landed_files``.
        FileTooLarge: See ``read_landed_files``.
    """
    plan, schema = read_plan(source, blocks=blocks), "name string, type string"
    found = _in_order(
        _whole_files(job, source, blocks, make_finder(plan), schema),
        _files_in_blocks(job, source, blocks, partial(make_block_finder, plan), schema),
    )
    return [] if found is None else sorted((row[0], row[1]) for row in found.distinct().collect())


def _in_order(*frames: Iterator[DataFrame]) -> DataFrame | None:
    found = list(chain.from_iterable(frames))
    return reduce(DataFrame.union, found) if found else None


def _files_in_blocks(
    job: Job,
    source: FilesInput,
    blocks: Mapping[int, TextBlock],
    function: Callable[[dict[int, tuple[int, TextBlock]], Cut], Callable[..., Any]],
    schema: str,
) -> Iterator[DataFrame]:
    """Yield what a function makes of the blocks of each file that is read in blocks."""
    own: dict[str, dict[int, tuple[int, TextBlock]]] = {}
    for number, block in blocks.items():
        own.setdefault(source.files[number].uri, {})[block.position] = (number, block)
    for parts in own.values():
        (number, _), *_ = parts.values()
        frame, cut = blocks_frame(job, source.files[number])
        yield frame.mapInArrow(function(parts, cut), schema)


def _whole_files(
    job: Job, source: FilesInput, blocks: Mapping[int, TextBlock], function: Callable[..., Any], schema: str
) -> Iterator[DataFrame]:
    """Yield what a function makes of path and content of each listed file that is read whole and has bytes."""
    spark = job.spark
    files = [file for number, file in enumerate(source.files) if file.size_bytes and number not in blocks]
    for file in files:
        if file.size_bytes > MAX_FILE_BYTES:
            raise FileTooLarge(file.uri, file.size_bytes, MAX_FILE_BYTES)
    for group in _groups(files):
        paths = [findable(file.uri, escapes=not job.dialect.is_spark) for file in group]
        content = spark.read.format("binaryFile").load(paths).select("path", "content")
        # Sail returns a file from about 2 MB on once per scan partition. Of a file alone the first row will do,
        # without a copy of both; rows of several files meet by path in one partition, where the parser takes the
        # first of each and passes over the rest.
        alone = paths == [group[0].uri] and group[0].size_bytes >= ALONE_FROM_BYTES
        once = content.limit(1) if alone else content.repartition("path")
        yield once.mapInArrow(function, schema)


def _groups(files: Sequence[LandedFile]) -> Iterator[list[LandedFile]]:
    group: list[LandedFile] = []
    size = 0
    for file in files:
        if file.size_bytes >= ALONE_FROM_BYTES:
            yield [file]
            continue
        if group and size + file.size_bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group


def read_plan(
    source: FilesInput, found: tuple[Column, ...] = (), blocks: Mapping[int, TextBlock] = MappingProxyType({})
) -> ReadPlan:
    """Return what the parser must know about a source.

    Args:
        found: Columns that are not declared but read all the same, because the table or the files have them.
        blocks: See ``read_landed_files``.

    Raises:
        UnsupportedOption: An option is not known or has a value that cannot be honoured; all faults at once.
    """
    options = read_options(source)
    columns = (*source.columns, *found)
    wanted = Wanted(
        tuple(column.source_name or column.name for column in columns),
        by_position=options.by_position,
        extra=_EXTRA[source.drift],
        fills_missing=source.drift in (Drift.EVOLVE, Drift.RESCUE),
        cleaned_from=len(source.columns) if found else None,
    )
    files = {
        bare_path(file.uri): ExpectedFile(at, file.size_bytes, tuple(file.partition.items()), file.rows)
        for at, file in enumerate(source.files)
        if at not in blocks
    }
    if len(files) + len(blocks) < len(source.files):
        raise UnsupportedOption(f"source of '{source.name}': two listed files differ only in their container")
    kinds = tuple(canonical_type(column.type) for column in columns)
    typed = tuple(
        (at, canonical_type(column.type)) for at, column in enumerate(columns) if comes_typed(source, column)
    )
    return ReadPlan(
        source.format.value,
        options.encoding,
        wanted,
        files,
        options.layout,
        kinds,
        nested_of(columns),
        spelling_of(source),
        typed,
    )


def nested_of(columns: Sequence[Column]) -> tuple[NestedColumn, ...]:
    """Return the columns of a nested type among those that are read."""
    return tuple(
        NestedColumn(at, column.name, canonical_type(column.type))
        for at, column in enumerate(columns)
        if is_nested(canonical_type(column.type))
    )


def spelling_of(source: FilesInput) -> Spelling:
    """Return how nested values of a source are written as text."""
    # A table gets no further fields within its columns, so these are refused where columns would be added.
    further = _EXTRA[source.drift] if source.drift is not Drift.EVOLVE else "refuse"
    return Spelling(source.format is FileFormat.XML, knows_types(source), null_texts(source), further)


def knows_types(source: FilesInput) -> bool:
    """Return whether values of a source have types of their own, so that binary ones are Base64 in texts."""
    return source.format in _KNOW_TYPES or source.format is FileFormat.AVRO


def comes_typed(source: FilesInput, column: Column) -> bool:
    """Return whether the values of a column may come as they are in the files, beside or instead of their texts."""
    return source.format in _KNOW_TYPES and may_come_typed(canonical_type(column.type))
