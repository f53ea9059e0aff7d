"""Checks of sources, and of the columns their files are read into."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final

from landfall.spec.draft import Draft
from landfall.spec.landing_patterns import table_of
from landfall.spec.model import Dataset, FileFormat, Product, SchemaDrift, Source, SourceType
from landfall.spec.yaml_source import Location

_OF_VALUES = {"null_value", "date_format", "timestamp_format", "decimal", "thousands"}
_OF_TEXT = _OF_VALUES | {"encoding"}
# Options of a source that mean something for each format.
OPTIONS: Final[Mapping[FileFormat, frozenset[str]]] = {
    FileFormat.CSV: frozenset(
        _OF_TEXT | {"header", "match", "delimiter", "quote", "escape", "comment", "multi_line", "skip_lines"}
    ),
    FileFormat.JSON: frozenset(_OF_TEXT | {"multi_line"}),
    FileFormat.FIXED: frozenset(_OF_TEXT | {"comment", "skip_lines", "trimmed"}),
    FileFormat.XML: frozenset(_OF_TEXT | {"row_tag"}),
    FileFormat.EXCEL: frozenset(_OF_VALUES | {"header", "match", "sheet", "skip_lines"}),
    FileFormat.PARQUET: frozenset(),
    FileFormat.ORC: frozenset(),
    FileFormat.AVRO: frozenset(),
    FileFormat.DELTA: frozenset({"removed_rows"}),
}
# What reads a format in the engine's Python, where that is not part of every engine.
PACKAGES: Final[Mapping[FileFormat, str]] = {FileFormat.AVRO: "fastavro", FileFormat.EXCEL: "openpyxl"}
# How the names of files end that are unpacked, and of those that are not; the runtime has the same lists.
PACKED: Final = (".zip", ".gz", ".bz2", ".xz", ".zst")
NOT_UNPACKED: Final = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"),
    *(".7z", ".rar", ".lz4", ".snappy", ".br"),
)
# Formats that compress what they hold.
_OWN_COMPRESSION = (FileFormat.EXCEL, FileFormat.PARQUET, FileFormat.ORC, FileFormat.AVRO)
# What the characters of CSV are where a source does not say.
_CHARACTERS: Final[Mapping[str, str]] = {"delimiter": ",", "quote": '"', "escape": "", "comment": ""}
_MOMENTS = ("date", "timestamp", "timestamp_ntz")


def check_sources(draft: Draft, product: Product) -> None:
    """Add to the draft what is wrong with the sources themselves."""
    for index, source in enumerate(product.sources):
        at = ("sources", index)
        if source.type is SourceType.FILE and source.format is None:
            known = ", ".join(FileFormat)
            draft.report(at, "LF1021", f"source '{source.name}' has no format", f"add format: one of {known}")
        if source.type is not SourceType.FILE and source.connection is None:
            message = f"source '{source.name}' of type {source.type.value} has no connection"
            draft.report(at, "LF1021", message, "add connection: keyvault:<secret name>")
        if source.type is SourceType.FILE and source.connection is not None:
            message = f"source '{source.name}' has files that land by themselves, so it needs no connection"
            draft.report((*at, "connection"), "LF1030", message, "remove connection:, or change type:")
        if source.format is FileFormat.XML and "row_tag" not in source.options:
            message = f"source '{source.name}' does not say which elements are rows"
            draft.report(at, "LF1021", message, "add options: {row_tag: <name of the element>}")
        if source.options.get("decimal", ".") == source.options.get("thousands"):
            message = "decimal and thousands are the same character"
            draft.report((*at, "options", "thousands"), "LF1030", message, "change one of them")
        if source.format is FileFormat.DELTA and source.type is not SourceType.FILE:
            message = (
                f"source '{source.name}' is copied file by file, and the log of a Delta table must come last"
            )
            draft.report(
                (*at, "format"), "LF1030", message, "copy it as parquet, or let the table land by itself"
            )
        _check_options(draft, index, source)


def _check_options(draft: Draft, index: int, source: Source) -> None:
    file_format = source.format or FileFormat.CSV
    if file_format is FileFormat.CSV:
        _check_characters(draft, index, source.options)
    for option in source.options:
        if option not in OPTIONS[file_format]:
            message = f"option '{option}' means nothing for format {file_format.value}"
            draft.report(("sources", index, "options", option), "LF1030", message, "remove it")


def _check_characters(draft: Draft, index: int, options: Mapping[str, Any]) -> None:
    """Add to the draft which characters of a CSV source mean two things, so that no reader could tell them apart."""
    at = ("sources", index, "options")
    given = {name: str(options.get(name, usual) or "") for name, usual in _CHARACTERS.items()}
    # A quote that escapes itself is a doubled one, which is read anyway.
    apart = (pair for pair in combinations(given, 2) if pair != ("quote", "escape"))
    for first, second in apart:
        if given[first] and given[first] == given[second]:
            named = second if second in options else first
            message = f"{first} and {second} are the same character"
            draft.report((*at, named), "LF1030", message, "change one of them")
    if given["escape"] and given["escape"] != given["quote"]:
        nulls = options.get("null_value", ())
        for text in [nulls] if isinstance(nulls, str) else nulls:
            if given["escape"] in text:
                message = (
                    f"null_value '{text}' holds the escape character, which is gone before it is compared"
                )
                remedy = (
                    f"write it as files have it without the escape, '{text.replace(given['escape'], '')}'"
                )
                draft.report((*at, "null_value"), "LF1030", message, f"{remedy}, or leave escape out")


def check_landed_columns(draft: Draft, index: int, dataset: Dataset, source: Source) -> None:
    """Add to the draft what is wrong with the columns of a landed dataset, given how its files are written."""
    at = ("datasets", index)
    if not dataset.columns:
        kind = source.format.value if source.format else "text"
        message = f"'{dataset.name}' lands as {kind} without columns"
        draft.report(at, "LF1021", message, "add columns: with name and type of each")
    for number, column in enumerate(dataset.columns):
        place = (*at, "columns", number)
        if source.format is FileFormat.FIXED and column.width is None:
            message = f"column '{column.name}' has no width, and its file is of fixed width"
            draft.report(place, "LF1021", message, "add width: its number of characters")
        if source.format is not FileFormat.FIXED and (column.width or column.start):
            message = f"start and width mean nothing for format {source.format}"
            draft.report(place, "LF1030", message, "remove them")
        if column.format is not None and column.type not in _MOMENTS:
            message = f"column '{column.name}' is {column.type}, and format is for dates and timestamps"
            draft.report((*place, "format"), "LF1030", message, "remove it")
    if source.format is FileFormat.DELTA:
        _check_landed_table(draft, index, dataset)
    _check_packing(draft, index, dataset, source)
    named = source.options.get("header", True) and source.options.get("match", "name") == "name"
    if named and source.format is not FileFormat.FIXED:
        _check_named_once(draft, at, dataset)
    if dataset.schema_drift is SchemaDrift.EVOLVE and (source.format is FileFormat.FIXED or not named):
        message = "schema_drift: evolve needs files that name their columns"
        draft.report((*at, "schema_drift"), "LF1030", message, "write discard, rescue or quarantine")
    if dataset.schema_drift is SchemaDrift.EVOLVE:
        for number, column in enumerate(dataset.columns):
            if "struct<" in column.type:
                message = f"column '{column.name}' has a struct, which gets no further fields by schema_drift: evolve"
                remedy = (
                    "write schema_drift: rescue, which keeps them as JSON, or declare the column as string"
                )
                draft.report((*at, "columns", number), "LF1030", message, remedy)


def _check_named_once(draft: Draft, at: Location, dataset: Dataset) -> None:
    """Add to the draft which columns would be read from one and the same column of a file."""
    read: dict[str, str] = {}
    for number, column in enumerate(dataset.columns):
        called = column.source_name or column.name
        first = read.setdefault(called.casefold(), column.name)
        if first.casefold() != column.name.casefold():
            message = f"'{first}' and '{column.name}' are both called '{called}' in files"
            remedy = "correct from:, or derive the second from the first in a step"
            draft.report((*at, "columns", number), "LF1041", message, remedy)


def _check_packing(draft: Draft, index: int, dataset: Dataset, source: Source) -> None:
    """Add to the draft that files are packed, as their names say, and that nothing unpacks them."""
    name = (dataset.landing or "").lower()
    packed = next((ending for ending in PACKED if name.endswith(ending)), None)
    archive = max((ending for ending in NOT_UNPACKED if name.endswith(ending)), key=len, default=None)
    if archive is not None:
        message = f"files whose names end in {archive} are not unpacked"
        remedy = f"let one of {', '.join(PACKED)} land"
    elif packed is not None and source.format in _OWN_COMPRESSION:
        message = (
            f"{source.format} files are read as they are, and those that end in {packed} are packed once more"
        )
        remedy = f"let the files land without {packed}"
    else:
        return
    draft.report(("datasets", index, "landing", "path"), "LF1026", message, remedy)


def _check_landed_table(draft: Draft, index: int, dataset: Dataset) -> None:
    at = ("datasets", index, "landing")
    folder = table_of(dataset.landing or "") or ""
    if folder.endswith((".parquet", ".json")):
        message = f"the landing path '{folder}' names files, and a Delta table is a folder"
        draft.report((*at, "path"), "LF1026", message, "write the folder of the table, such as orders")
    if dataset.complete is not None:
        message = f"'{dataset.name}' is a Delta table, each commit of which is complete"
        draft.report((*at, "complete"), "LF1030", message, "remove complete:")
