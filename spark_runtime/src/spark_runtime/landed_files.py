"""Landed files as one frame of text columns: exactly the listed ones, each read whole, once.

The files come as bytes (``binaryFile``) and are parsed by our own functions inside the engine. That gives what the
engines' own readers cannot give together: the same verdict on every engine, the file of each row, faults of a
single row or file that leave the others alone, archives, and one plan however many files there are.
"""

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

from spark_runtime import readers
from spark_runtime.errors import FileTooLarge, UnsupportedOption
from spark_runtime.readers.parse import ExpectedFile, ReadPlan, bare_path, make_parser, output_names
from spark_runtime.readers.read_csv import CsvLayout
from spark_runtime.spec import FileFormat, FilesInput, LandedFile

# One batch carries the bytes of several files; pyarrow's arrays of bytes end at 2 GiB, and memory before that.
GROUP_BYTES = 256 << 20
MAX_FILE_BYTES = (2 << 30) - 1

_TEXT_OPTIONS = {"encoding"}
_CSV_OPTIONS = _TEXT_OPTIONS | {"header", "delimiter", "quote", "escape", "comment", "null_value"}
_OPTIONS = {FileFormat.CSV: _CSV_OPTIONS, FileFormat.JSON: _TEXT_OPTIONS, FileFormat.PARQUET: set[str]()}
_OUTPUT_TYPES = ("int", "int", "string", "string", "bigint")

# Engines take these for patterns, and Sail takes % for the start of an escape; a question mark stands for any one
# character on all of them, and what it matches too much is not in the list of files.
_PATTERN_CHARACTERS = str.maketrans(dict.fromkeys("*?[]{}%\\", "?"))

# The engine's Python may hold no copy of this package, or the one of an earlier release.
cloudpickle.register_pickle_by_value(readers)  # type: ignore[no-untyped-call]


def read_landed_files(spark: SparkSession, source: FilesInput) -> DataFrame:
    """Return the rows of the listed files as text, refused records, and one closing row per file.

    Columns: see ``readers.parse.output_names``. Files without bytes have no rows, because engines do not report
    them; the caller knows them by their size.

    Raises:
        UnsupportedOption: A reader option is not known or has a value that cannot be honoured.
        FileTooLarge: A file cannot be read whole.
    """
    plan = read_plan(source)
    for file in source.files:
        if file.size_bytes > MAX_FILE_BYTES:
            raise FileTooLarge(file.uri, file.size_bytes, MAX_FILE_BYTES)
    groups = [
        _read_group(spark, group, plan) for group in _groups([f for f in source.files if f.size_bytes > 0])
    ]
    if not groups:
        return spark.createDataFrame([], _output_schema(len(plan.columns)))
    frame = groups[0]
    for group in groups[1:]:
        frame = frame.union(group)
    return frame


def _read_group(spark: SparkSession, files: Sequence[LandedFile], plan: ReadPlan) -> DataFrame:
    paths = [file.uri.translate(_PATTERN_CHARACTERS) for file in files]
    content = spark.read.format("binaryFile").load(paths).select("path", "content")
    # Sail returns a file from about 2 MB on once per scan partition. Rows of one path meet in one partition here,
    # where the parser takes the first and passes over the rest.
    return content.repartition("path").mapInArrow(make_parser(plan), _output_schema(len(plan.columns)))


def _output_schema(columns: int) -> str:
    names = output_names(columns)
    types = (*_OUTPUT_TYPES, *("string" for _ in range(columns)))
    return ", ".join(f"{name} {kind}" for name, kind in zip(names, types, strict=True))


def _groups(files: Sequence[LandedFile]) -> Iterator[list[LandedFile]]:
    group: list[LandedFile] = []
    size = 0
    for file in files:
        if group and size + file.size_bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group


def read_plan(source: FilesInput) -> ReadPlan:
    """Return what the parser must know about a source.

    Raises:
        UnsupportedOption: An option is not known or has a value that cannot be honoured; all faults at once.
    """
    options = dict(source.options)
    faults = [f"unknown option '{name}'" for name in sorted(options.keys() - _OPTIONS[source.format])]
    columns = tuple(column.name for column in source.columns)
    encoding = str(options.get("encoding") or "utf-8")
    try:
        encoding = codecs.lookup(encoding).name
    except LookupError:
        faults.append(f"encoding '{encoding}' is not known")
    csv = None
    if source.format is FileFormat.CSV:
        csv = CsvLayout(
            columns=columns,
            header=bool(options.get("header", True)),
            delimiter=_character(options, "delimiter", ",", faults) or ",",
            quote=_character(options, "quote", '"', faults),
            escape=_character(options, "escape", None, faults),
            comment=_character(options, "comment", None, faults),
            null_values=null_texts(source),
        )
        if csv.escape == csv.quote:
            csv = CsvLayout(columns, csv.header, csv.delimiter, csv.quote, None, csv.comment, csv.null_values)
    if faults:
        known = ", ".join(sorted(_OPTIONS[source.format])) or "none"
        raise UnsupportedOption(
            f"source of '{source.name}': {'; '.join(faults)}; options of {source.format}: {known}"
        )
    files = {bare_path(file.uri): ExpectedFile(at, file.size_bytes) for at, file in enumerate(source.files)}
    if len(files) < len(source.files):
        raise UnsupportedOption(f"source of '{source.name}': two listed files differ only in their container")
    return ReadPlan(source.format.value, encoding, columns, files, csv)


def null_texts(source: FilesInput) -> tuple[str, ...]:
    """Return the texts that mean null, besides the empty one."""
    value = source.options.get("null_value")
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(str(text) for text in values)


def _character(options: dict[str, Any], name: str, default: str | None, faults: list[str]) -> str | None:
    if name not in options:
        return default
    value = options[name]
    if value is None or value == "":
        return None
    text = "\t" if value == "\\t" else str(value)
    if len(text.encode()) != 1:
        faults.append(f"{name} {text!r} is not a single ASCII character")
        return default
    return text
