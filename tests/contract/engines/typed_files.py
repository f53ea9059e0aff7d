"""Landed files of formats that know types, made from the rows of a case: the same bytes in every process."""

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from spark_runtime.readers.nested import nested_arrow_type
from tests.integration.spark_runtime.workbench import columns_of

# What parts an Avro file into blocks is drawn by lot otherwise.
_MARK = bytes(16)


def content_of(file: Mapping[str, Any]) -> bytes:
    """Return the bytes of a Parquet, ORC or Avro file, as its name ends.

    Args:
        file: ``rows``; of Parquet and ORC ``types``, as ``id bigint; s struct<a:int>``, and rows as lists; of Avro
            ``fields`` as its schema has them, and rows as mappings. A map is a list of pairs.
    """
    out = io.BytesIO()
    if file["name"].endswith(".avro"):
        schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": file["fields"]})
        fastavro.writer(out, schema, file["rows"], sync_marker=_MARK)
        return out.getvalue()
    columns = columns_of(file["types"])
    values = {
        column["name"]: pa.array(
            [_value(row[at], column["type"]) for row in file["rows"]], nested_arrow_type(column["type"])
        )
        for at, column in enumerate(columns)
    }
    write = orc.write_table if file["name"].endswith(".orc") else pq.write_table
    write(pa.table(values), out)
    return out.getvalue()


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind.startswith("decimal"):
        return Decimal(str(value))
    if kind.startswith("map") and isinstance(value, Sequence):
        return [tuple(pair) for pair in value]
    return value
