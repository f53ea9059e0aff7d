"""What the options of a source mean: the layout that the parser of its format takes, or every fault in them."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_runtime.casts import canonical_type
from spark_runtime.column_spec import Column
from spark_runtime.errors import UnsupportedOption
from spark_runtime.input_spec import FileFormat, FilesInput
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.parse import JsonLayout, Layout
from spark_runtime.readers.read_excel import ExcelLayout
from spark_runtime.readers.read_fixed import FixedLayout
from spark_runtime.readers.read_xml import XmlLayout
from spark_runtime.text_formats import TextFormat

_OF_VALUES = {"null_value", "date_format", "timestamp_format", "decimal", "thousands"}
_OF_TEXT = _OF_VALUES | {"encoding"}
OPTIONS: Mapping[FileFormat, frozenset[str]] = {
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


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one source, understood.

    Attributes:
        encoding: Python's name of the encoding.
        by_position: Whether columns are told by their place.
    """

    layout: Layout
    encoding: str
    by_position: bool


def read_options(source: FilesInput) -> Options:
    """Return what the options of a source say.

    Raises:
        UnsupportedOption: An option is not known or has a value that cannot be honoured; all faults at once.
    """
    options = dict(source.options)
    faults = [f"unknown option '{name}'" for name in sorted(options.keys() - OPTIONS[source.format])]
    encoding = str(options.get("encoding") or "utf-8")
    try:
        # Python knows encodings of other things than text, too, such as base64.
        "".encode(encoding)
        encoding = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        faults.append(f"encoding '{encoding}' is not known")
    if options.get("thousands") in ("+", "-"):
        faults.append("thousands is a sign")
    if options.get("decimal", ".") == options.get("thousands"):
        faults.append("decimal and thousands are the same character")
    if options.get("removed_rows", "reject") not in ("reject", "ignore"):
        faults.append(f"removed_rows '{options['removed_rows']}' is neither reject nor ignore")
    layout = _layout(source, options, faults)
    if faults:
        known = ", ".join(sorted(OPTIONS[source.format])) or "none"
        raise UnsupportedOption(
            f"source of '{source.name}': {'; '.join(faults)}; options of {source.format}: {known}"
        )
    by_position = options.get("match") == "position" or source.format is FileFormat.FIXED
    return Options(layout, encoding, by_position)


def text_format(source: FilesInput, column: Column) -> TextFormat:
    """Return how the texts of a column are written."""
    options = source.options
    is_date = canonical_type(column.type) == "date"
    pattern = column.format or options.get("date_format" if is_date else "timestamp_format")
    return TextFormat(str(options.get("decimal", ".")), options.get("thousands"), pattern or None)


def null_texts(source: FilesInput) -> tuple[str, ...]:
    """Return the texts that mean null, besides the empty one."""
    value = source.options.get("null_value")
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(str(text) for text in values)


def takes_rewrites(source: FilesInput) -> bool:
    """Return whether a commit that also takes rows away is taken in for what it adds."""
    return bool(source.options.get("removed_rows", "reject") == "ignore")


def _layout(source: FilesInput, options: Mapping[str, Any], faults: list[str]) -> Layout:
    nulls = frozenset(null_texts(source))
    skip_lines = int(options.get("skip_lines", 0))
    if source.format is FileFormat.CSV:
        return _csv(options, null_texts(source), skip_lines, faults)
    if source.format is FileFormat.JSON:
        return JsonLayout(bool(options.get("multi_line", False)))
    if source.format is FileFormat.FIXED:
        slices = tuple((column.start - 1, column.start - 1 + column.width) for column in source.columns)
        faults.extend(f"column '{column.name}' has no width" for column in source.columns if column.width < 1)
        comment = _character(options, "comment", None, faults)
        return FixedLayout(slices, skip_lines, comment, bool(options.get("trimmed", False)), nulls)
    if source.format is FileFormat.XML:
        if not options.get("row_tag"):
            faults.append("row_tag is missing, the name of the elements that are rows")
        return XmlLayout(str(options.get("row_tag")), options.get("encoding"), nulls)
    if source.format is FileFormat.EXCEL:
        return ExcelLayout(
            sheet=options.get("sheet", 1),
            header=bool(options.get("header", True)),
            skip_lines=skip_lines,
            null_values=nulls,
            decimal=str(options.get("decimal", ".")),
            patterns=_patterns(source),
        )
    return None


def _patterns(source: FilesInput) -> dict[int, str]:
    """Return the pattern of each column of dates or timestamps that has one."""
    found: dict[int, str] = {}
    for at, column in enumerate(source.columns):
        pattern = text_format(source, column).pattern
        if pattern is not None and canonical_type(column.type) in ("date", "timestamp", "timestamp_ntz"):
            found[at] = pattern
    return found


def _csv(options: Mapping[str, Any], nulls: tuple[str, ...], skip_lines: int, faults: list[str]) -> CsvLayout:
    quote = _character(options, "quote", '"', faults)
    escape = _character(options, "escape", None, faults)
    escape = None if escape == quote else escape
    delimiter = _character(options, "delimiter", ",", faults) or ","
    comment = _character(options, "comment", None, faults)
    characters = [item for item in (delimiter, quote, escape, comment) if item is not None]
    if len(set(characters)) < len(characters):
        faults.append("delimiter, quote, escape and comment must be different characters")
    if escape is not None and any(escape in text for text in nulls):
        faults.append("null_value holds the escape character, which is gone before it is compared")
    return CsvLayout(
        header=bool(options.get("header", True)),
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        comment=comment,
        null_values=nulls,
        multi_line=bool(options.get("multi_line", True)),
        skip_lines=skip_lines,
    )


def _character(options: Mapping[str, Any], name: str, default: str | None, faults: list[str]) -> str | None:
    if name not in options:
        return default
    value = options[name]
    if value is None or value == "":
        return None
    text = "\t" if value == "\\t" else str(value)
    if len(text.encode()) != 1 or text in "\r\n":
        faults.append(f"{name} {text!r} is not a single ASCII character that ends no line")
        return default
    return text
