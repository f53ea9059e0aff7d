"""Rows of a test as the text of the file that would land: CSV, JSON, lines of fixed width and XML."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from landfall.spec.model import Column, FileFormat, Source
from landfall.spec.product_test_model import Row
from landfall.testing.places import Place
from landfall.testing.values import named_values, value_text

_SKIPPED = "this line is skipped"
# Names without a namespace, which the reader passes over.
_XML_NAME = re.compile(r"[^\W\d][\w.-]*")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = "_value"


def file_text(rows: Sequence[Row], columns: Sequence[Column], source: Source, place: Place) -> str:
    """Return rows as the text of a file as its source writes it.

    Args:
        columns: All columns of the file; a row leaves out those that are null in it.

    Raises:
        WrongFixture: The format cannot hold a value.
    """
    return _WRITERS[source.format or FileFormat.CSV](rows, columns, source.options, place)


def _csv(rows: Sequence[Row], columns: Sequence[Column], options: Mapping[str, Any], place: Place) -> str:
    text = io.StringIO()
    text.write(_skipped(options))
    has_quotes = options.get("quote", '"') != ""
    plain = _csv_writer(text, options, csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE)
    # A line that begins as a comment does is none where its first field is quoted.
    quoting = _csv_writer(text, options, csv.QUOTE_ALL) if has_quotes else plain
    comment = str(options.get("comment") or "")
    records: list[tuple[int | None, list[str | None]]] = []
    if options.get("header", True):
        records.append((None, [column.source_name or column.name for column in columns]))
    records += [
        (number, [value_text(value) for value in named_values(row, columns)])
        for number, row in enumerate(rows, 1)
    ]
    for number, record in records:
        begins_as_comment = bool(comment) and (record[0] or "").startswith(comment)
        try:
            (quoting if begins_as_comment else plain).writerow(record)
        except csv.Error as error:
            message = f"this cannot be written as csv ({error}); give the text of the file instead"
            raise place.wrong(message, row=number) from error
    return text.getvalue()


def _csv_writer(text: io.StringIO, options: Mapping[str, Any], quoting: Any) -> Any:
    quote, mark = str(options.get("quote", '"')), str(options.get("escape") or "")
    return csv.writer(
        text,
        delimiter=str(options.get("delimiter", ",")).replace("\\t", "\t"),
        quotechar=quote or None,
        escapechar=mark if mark and mark != quote else None,
        quoting=quoting,
        lineterminator="\n",
    )


def _json(rows: Sequence[Row], columns: Sequence[Column], options: Mapping[str, Any], _place: Place) -> str:
    written = {column.name.casefold(): column.source_name or column.name for column in columns}
    objects = [
        json.dumps(
            {written.get(name.casefold(), name): value for name, value in row.items()}, ensure_ascii=False
        )
        for row in rows
    ]
    if options.get("multi_line", False):
        return "[" + ",\n".join(objects) + "]\n"
    return "".join(f"{item}\n" for item in objects)


def _fixed(rows: Sequence[Row], columns: Sequence[Column], options: Mapping[str, Any], place: Place) -> str:
    comment = str(options.get("comment") or "")
    lines = []
    for number, row in enumerate(rows, 1):
        line, end = "", 0
        for column, value in zip(columns, named_values(row, columns), strict=True):
            text, width = value_text(value) or "", column.width or 0
            if len(text) > width or "\n" in text:
                message = (
                    f"{text!r} does not fit column '{column.name}', which has {width} characters in one line"
                )
                raise place.wrong(f"{message}; give the text of the file instead", row=number)
            start = end if column.start is None else column.start - 1
            end = start + width
            # Columns may stand in another order than they are declared in, or share characters.
            line = f"{line.ljust(start)[:start]}{text.ljust(width)}{line[end:]}"
        if not line.strip() or (comment and line.startswith(comment)):
            message = (
                "it would be a blank line or a comment, which is no row; give the text of the file instead"
            )
            raise place.wrong(message, row=number)
        lines.append(line.rstrip() if options.get("trimmed", False) else line)
    return _skipped(options) + "".join(f"{line}\n" for line in lines)


def _skipped(options: Mapping[str, Any]) -> str:
    return f"{_SKIPPED}\n" * int(options.get("skip_lines", 0))


def _xml(rows: Sequence[Row], columns: Sequence[Column], options: Mapping[str, Any], place: Place) -> str:
    tag, encoding = str(options["row_tag"]), options.get("encoding", "utf-8")
    lines = [f'<?xml version="1.0" encoding="{encoding}"?>', f"<{tag}-list>"]
    for number, row in enumerate(rows, 1):
        try:
            members = {
                column.source_name or column.name: value
                for column, value in zip(columns, named_values(row, columns), strict=True)
            }
            lines.append(f"  <{tag}>{''.join(_members(members))}</{tag}>")
        except _NotInXml as why:
            raise place.wrong(f"{why}; give the text of the file instead", row=number) from None
    return "\n".join([*lines, f"</{tag}-list>", ""])


class _NotInXml(Exception):
    """A value has no form in XML that is read back as it is."""


def _members(value: Mapping[Any, Any]) -> Iterator[str]:
    for name, member in value.items():
        if name == _TEXT and isinstance(member, str):
            yield _xml_text(member)
        elif isinstance(member, list):
            if not member:
                raise _NotInXml(
                    f"'{name}' is an empty list, which XML cannot tell from one that is not there"
                )
            yield from (_element(str(name), item, in_list=True) for item in member)
        elif member is not None:
            yield _element(str(name), member)


def _element(name: str, value: Any, *, in_list: bool = False) -> str:
    if _XML_NAME.fullmatch(name) is None:
        raise _NotInXml(f"'{name}' cannot be the name of an element")
    if in_list and isinstance(value, list):
        raise _NotInXml(f"'{name}' is a list of lists, which XML cannot hold")
    inner = "".join(_members(value)) if isinstance(value, Mapping) else _xml_text(value_text(value) or "")
    return f"<{name}>{inner}</{name}>"


def _xml_text(text: str) -> str:
    found = _NOT_IN_XML.search(text)
    if found is not None:
        raise _NotInXml(f"character {found[0]!r} is not allowed in XML")
    # A bare carriage return is read as a line end.
    return escape(text, {"\r": "&#13;"})


_WRITERS: Mapping[FileFormat, Callable[[Sequence[Row], Sequence[Column], Mapping[str, Any], Place], str]] = {
    FileFormat.CSV: _csv,
    FileFormat.JSON: _json,
    FileFormat.FIXED: _fixed,
    FileFormat.XML: _xml,
}
