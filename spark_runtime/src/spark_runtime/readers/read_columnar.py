"""Parquet and ORC: bytes of one file in, columns of text out, so that types are given in one place for all formats."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_runtime.readers.records import (
    Match,
    Parsed,
    RefusedRecord,
    TextArray,
    UnreadableFile,
    Wanted,
    as_json,
    json_objects,
    match_columns,
)
from spark_runtime.readers.typed_values import PLAIN_SCALE, tells_its_text, typed_values

BATCH_ROWS = 64 << 10
# What writers mark columns with whose names may change: the names in the file are then not those of the table.
_FIELD_ID = b"PARQUET:field_id"


def read_columnar(
    content: pa.Buffer,
    kind: str,
    wanted: Wanted,
    partition: Sequence[tuple[str, str | None]] = (),
    typed: Sequence[tuple[int, str]] = (),
) -> Iterator[Parsed]:
    """Yield the rows of one file; columns are matched by name, whatever their case.

    Args:
        typed: Number and type of the declared columns whose values may come as they are.
        kind: ``parquet``, ``orc``, or ``delta`` for a Parquet file of such a table.
        partition: Name and text of columns that all rows of the file have beside what is in it.

    Raises:
        UnreadableFile: The file is cut off or damaged, holds a type that has no text, or has its columns under names
            that only the log of its table explains.
    """
    label = "ORC" if kind == "orc" else "Parquet"
    try:
        schema, batches = _opened(content, kind)
        if kind == "delta" and any(_FIELD_ID in (field.metadata or {}) for field in schema):
            raise UnreadableFile("its columns are mapped to other names; land a table without column mapping")
        match = match_columns([*schema.names, *(name for name, _ in partition)], wanted)
        number = 1
        for batch in batches:
            yield _parsed(_with_partition(batch, partition), match, number, dict(typed))
            number += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"not a complete {label} file ({error}); land the file again") from error


def columns_of(content: pa.Buffer, kind: str) -> list[tuple[str, str]]:
    """Return name and Spark SQL type of each column of a file, as far as the type has a simple one.

    Raises:
        UnreadableFile: The file is cut off or damaged.
    """
    try:
        schema, _ = _opened(content, kind)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(str(error)) from error
    return [(field.name, spark_type(field.type)) for field in schema]


def spark_type(kind: Any) -> str:
    """Return the Spark SQL type for an Arrow type; ``string`` for what has no simple one."""
    simple = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_int8, "tinyint"),
        (pa.types.is_int16, "smallint"),
        (pa.types.is_int32, "int"),
        (pa.types.is_uint8, "smallint"),
        (pa.types.is_uint16, "int"),
        (pa.types.is_uint32, "bigint"),
        (pa.types.is_int64, "bigint"),
        (pa.types.is_float32, "float"),
        (pa.types.is_floating, "double"),
        (pa.types.is_date, "date"),
    )
    for test, name in simple:
        if test(kind):
            return name
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return f"decimal({kind.precision},{max(kind.scale, 0)})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    return "string"


def _opened(content: pa.Buffer, kind: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = pa.BufferReader(content)
    if kind != "orc":
        # Spark writes instants as INT96, which pyarrow takes for nanoseconds: those run from 1677 to 2262 and wrap
        # around beyond.
        parquet = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        return parquet.schema_arrow, parquet.iter_batches(BATCH_ROWS)
    try:
        from pyarrow import orc
    except ImportError as error:
        raise UnreadableFile("the engine's pyarrow was built without ORC; land Parquet instead") from error
    file = orc.ORCFile(source)
    return file.schema, _stripes(file)


def _stripes(file: Any) -> Iterator[pa.RecordBatch]:
    for number in range(file.nstripes):
        stripe = file.read_stripe(number)
        for start in range(0, stripe.num_rows, BATCH_ROWS):
            yield stripe.slice(start, BATCH_ROWS)


def _with_partition(batch: pa.RecordBatch, partition: Sequence[tuple[str, str | None]]) -> pa.RecordBatch:
    arrays: list[Any] = list(batch.columns)
    arrays += [pa.repeat(pa.scalar(text, pa.string()), batch.num_rows) for _, text in partition]
    names = [*batch.schema.names, *(name for name, _ in partition)]
    return pa.RecordBatch.from_arrays(arrays, names=names) if partition else batch


def _parsed(batch: pa.RecordBatch, match: Match, number: int, kinds: Mapping[int, str]) -> Parsed:
    lines = pa.array(range(number, number + batch.num_rows), pa.int64())
    if match.fault:
        rows = json_objects(batch.schema.names, [as_texts(column).to_pylist() for column in batch.columns])
        return Parsed((), tuple(RefusedRecord(row, match.fault, number + at) for at, row in enumerate(rows)))
    texts: list[TextArray] = []
    typed: dict[int, TextArray] = {}
    for own, at in enumerate(match.positions):
        values = None if at is None else batch.column(at)
        found = typed_values(values, kinds[own]) if values is not None and own in kinds else None
        if found is not None:
            typed[own] = found
        needs_text = values is not None and (found is None or not tells_its_text(values, kinds[own]))
        texts.append(as_texts(values) if needs_text else pa.nulls(batch.num_rows, pa.string()))
    extra = None
    if match.extra:
        kept = [as_texts(batch.column(at)).to_pylist() for _, at in match.extra]
        extra = pa.array(json_objects([name for name, _ in match.extra], kept), pa.string())
    return Parsed(tuple(texts), (), lines, extra, typed)


def as_texts(values: Any) -> TextArray:
    """Return an Arrow array as text: numbers and moments as both engines read them, nested values as JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_texts(values.dictionary_decode())
    if pa.types.is_nested(kind):
        texts = [None if item is None else as_json(_plain(item)) for item in values.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind):
        # Microseconds are what Spark holds; a zone becomes a trailing Z, which both engines read. Nanoseconds are cut,
        # seconds that do not fit are an error.
        values = pc.cast(values, pa.timestamp("us", kind.tz and "UTC"), safe=kind.unit != "ns")
    cast: TextArray = pc.cast(values, pa.string())
    if pa.types.is_decimal(kind) and kind.scale > PLAIN_SCALE:
        # Small values, and every zero, come with an exponent, which no decimal of a text file may have.
        texts = cast.to_pylist()
        if any(text is not None and "E" in text for text in texts):
            return pa.array([text and f"{Decimal(text):f}" for text in texts], pa.string())
    return cast


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
