"""Avro: bytes of one container file in, columns of text out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
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
from spark_runtime.readers.struct_fields import match_fields, shape_of_avro
from spark_runtime.readers.type_tree import Part
from spark_runtime.readers.typed_texts import Duration, NoText, plain

BATCH_RECORDS = 20_000
_MOMENTS = (
    "int-date",
    "long-timestamp-millis",
    "long-timestamp-micros",
    "long-local-timestamp-millis",
    "long-local-timestamp-micros",
)


def read_avro(content: pa.Buffer, wanted: Wanted, declared: Sequence[Part]) -> Iterator[Parsed]:
    """Yield the records of one file; fields are matched by name, whatever their case.

    Args:
        declared: Type of each wanted column.

    Raises:
        UnreadableFile: The file is cut off or damaged, its records are no records, or the engine's Python cannot read
            Avro.
    """
    rows = Rows(wanted)
    names, reader = _opened(content)
    fields = reader.writer_schema["fields"]
    known: dict[str, Any] = {}
    shapes = [shape_of_avro(field["type"], known) for field in fields]
    nested = {at: part for at, part in enumerate(declared) if part.base in ("array", "map", "struct")}
    match = match_fields(match_columns(names, wanted), shapes, nested, wanted)
    parts: dict[str, Part] = {
        names[at]: declared[own] for own, at in enumerate(match.positions) if at is not None
    }
    for number, record in enumerate(_decoded(reader), 1):
        _take(record, names, number, match, parts, rows)
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
    _teach(fastavro.read.LOGICAL_READERS)
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


def _teach(readers: dict[str, Any]) -> None:
    """Teach the library durations, decimals of any number of digits, and moments beyond its years as numbers.

    It would round a decimal that has more digits than its schema says.
    """
    readers["fixed-duration"] = _duration
    readers["bytes-decimal"] = readers["fixed-decimal"] = _decimal
    for name in _MOMENTS:
        if name in readers and not isinstance(readers[name], _Lenient):
            readers[name] = _Lenient(readers[name])


def _duration(data: bytes, *_: Any) -> Duration:
    return Duration(data)


def _decimal(data: bytes, schema: Mapping[str, Any], *_: Any) -> Decimal:
    number = int.from_bytes(data, "big", signed=True)
    return Decimal((number < 0, tuple(map(int, str(abs(number)))), -int(schema.get("scale", 0))))


class _Lenient:
    """Reads a moment; one beyond the years 1 to 9999 refuses its row and not the whole file."""

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read

    def __call__(self, data: int, *schemas: Any) -> Any:
        try:
            return self._read(data, *schemas)
        except (OverflowError, ValueError):
            return data


def _decoded(records: Any) -> Iterator[dict[str, Any]]:
    try:
        yield from records
    except Exception as error:
        raise UnreadableFile(f"not a complete Avro file ({error!r}); land the file again") from error


def _take(
    record: dict[str, Any], names: list[str], number: int, match: Match, parts: dict[str, Part], rows: Rows
) -> None:
    if match.fault is not None:
        rows.refuse(as_json(plain(record, None)), match.fault, number)
        return
    values: list[str | None] = []
    for own, at in enumerate(match.positions):
        name = rows.wanted.names[own]
        try:
            values.append(None if at is None else as_text(plain(record[names[at]], parts[names[at]])))
        except NoText:
            fault = f"column '{name}' holds bytes that are not UTF-8 text; declare it as binary"
            rows.refuse(as_json(plain(record, None)), fault, number)
            return
    extra = {name: plain(record[name], None) for name, _ in match.extra if record[name] is not None}
    rows.add(values, number, extra)
