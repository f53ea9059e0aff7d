"""Parquet and ORC: bytes of one file in, columns of text out, so that types are given in one place for all formats."""

import base64
from collections.abc import Iterator
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

BATCH_ROWS = 64 << 10


def read_columnar(content: pa.Buffer, kind: str, wanted: Wanted) -> Iterator[Parsed]:
    """Yield the rows of one file; columns are matched by name, whatever their case.

    Args:
        kind: ``parquet`` or ``orc``.

    Raises:
        UnreadableFile: The file is cut off or damaged, or holds a type that has no text.
    """
    label = {"parquet": "Parquet", "orc": "ORC"}[kind]
    try:
        schema, batches = _opened(content, kind)
        match = match_columns(schema.names, wanted)
        number = 1
        for batch in batches:
            yield _parsed(batch, match, number)
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
    if kind == "parquet":
        parquet = pq.ParquetFile(source)
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


def _parsed(batch: pa.RecordBatch, match: Match, number: int) -> Parsed:
    lines = pa.array(range(number, number + batch.num_rows), pa.int64())
    if match.fault:
        rows = json_objects(batch.schema.names, [as_texts(column).to_pylist() for column in batch.columns])
        return Parsed((), tuple(RefusedRecord(row, match.fault, number + at) for at, row in enumerate(rows)))
    texts = tuple(
        pa.nulls(batch.num_rows, pa.string()) if at is None else as_texts(batch.column(at))
        for at in match.positions
    )
    extra = None
    if match.extra:
        kept = [as_texts(batch.column(at)).to_pylist() for _, at in match.extra]
        extra = pa.array(json_objects([name for name, _ in match.extra], kept), pa.string())
    return Parsed(texts, (), lines, extra)


def as_texts(values: Any) -> TextArray:
    """Return an Arrow array as text: numbers and moments as both engines read them, nested values as JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_texts(values.dictionary_decode())
    if pa.types.is_nested(kind):
        texts = [None if item is None else as_json(_plain(item)) for item in values.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind):
        # Microseconds are what Spark holds; a zone becomes a trailing Z, which both engines read.
        values = pc.cast(values, pa.timestamp("us", kind.tz and "UTC"), safe=False)
    cast: TextArray = pc.cast(values, pa.string())
    return cast


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
