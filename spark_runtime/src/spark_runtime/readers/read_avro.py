"""Avro: bytes of one container file in, columns of text out."""

import base64
import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import (
    Match,
    Parsed,
    Rows,
    UnreadableFile,
    Wanted,
    as_json,
    as_text,
    match_columns,
)

BATCH_RECORDS = 20_000


def read_avro(content: pa.Buffer, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the records of one file; fields are matched by name, whatever their case.

    Raises:
        UnreadableFile: The file is cut off or damaged, its records are no records, or the engine's Python cannot read
            Avro.
    """
    rows = Rows(wanted)
    names, records = _opened(content)
    match = match_columns(names, wanted)
    for number, record in enumerate(_decoded(records), 1):
        _take([_plain(record[name]) for name in names], names, number, match, rows)
        if len(rows) >= BATCH_RECORDS:
            yield rows.take()
    yield rows.take()


def avro_columns(content: pa.Buffer) -> list[str]:
    """Return the names of the columns of a file.

    Raises:
        UnreadableFile: See ``read_avro``.
    """
    return _opened(content)[0]


def _opened(content: pa.Buffer) -> tuple[list[str], Any]:
    try:
        import fastavro
    except ImportError as error:
        raise UnreadableFile("the engine's Python has no fastavro, which reads Avro") from error
    try:
        stream: Any = pa.BufferReader(content)
        reader = fastavro.reader(stream)
    # The library lets through whatever it meets in damaged bytes.
    except Exception as error:
        raise UnreadableFile(f"not a complete Avro file ({error}); land the file again") from error
    schema = reader.writer_schema
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise UnreadableFile("its schema is not a record, so it has no columns")
    return [field["name"] for field in schema["fields"]], reader


def _decoded(records: Any) -> Iterator[dict[str, Any]]:
    try:
        yield from records
    except Exception as error:
        raise UnreadableFile(f"not a complete Avro file ({error!r}); land the file again") from error


def _take(values: list[Any], names: list[str], number: int, match: Match, rows: Rows) -> None:
    if match.fault is not None:
        rows.refuse(as_json(dict(zip(names, values, strict=True))), match.fault, number)
        return
    extra = {name: values[at] for name, at in match.extra if values[at] is not None}
    rows.add([None if at is None else as_text(values[at]) for at in match.positions], number, extra)


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, float) else str(value)
