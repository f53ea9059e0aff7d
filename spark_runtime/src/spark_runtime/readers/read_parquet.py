"""Parquet: bytes of one file in, columns of text out, so that types are given in one place for all formats."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_runtime.readers.records import Parsed, RefusedRecord, TextArray, UnreadableFile, match_columns

BATCH_ROWS = 64 << 10


def read_parquet(content: pa.Buffer, columns: tuple[str, ...]) -> Iterator[Parsed]:
    """Yield the rows of one file; columns are matched by name, whatever their case.

    Raises:
        UnreadableFile: The file is cut off or damaged, or holds a type that has no text.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        positions, fault = match_columns(file.schema_arrow.names, columns)
        for batch in file.iter_batches(BATCH_ROWS):
            if fault:
                rows = (json.dumps(row, default=str, ensure_ascii=False) for row in batch.to_pylist())
                yield Parsed((), tuple(RefusedRecord(row, fault) for row in rows))
            else:
                yield Parsed(tuple(_as_text(batch.column(position)) for position in positions), ())
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"not a complete Parquet file ({error}); land the file again") from error


def _as_text(values: Any) -> TextArray:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(values.dictionary_decode())
    if pa.types.is_nested(kind):
        texts = [None if item is None else json.dumps(item, default=str) for item in values.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind):
        # Microseconds are what Spark holds; a zone becomes a trailing Z, which both engines read.
        values = pc.cast(values, pa.timestamp("us", kind.tz and "UTC"), safe=False)
    cast: TextArray = pc.cast(values, pa.string())
    return cast
