"""Rows of a test as files that know their types: Parquet, ORC, Avro, and tables of Delta."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake
from pyarrow import orc
from pyspark.sql import SparkSession

from landfall.spec.model import Column, FileFormat
from landfall.spec.product_test_model import Row
from landfall.testing.fixtures import file_frame
from landfall.testing.places import Place
from spark_runtime.readers.type_tree import Part, type_tree

_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AVRO_TYPES: Mapping[str, Any] = {
    "boolean": "boolean",
    "tinyint": "int",
    "smallint": "int",
    "int": "int",
    "bigint": "long",
    "float": "float",
    "double": "double",
    "string": "string",
    "binary": "bytes",
    "date": {"type": "int", "logicalType": "date"},
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
    "timestamp_ntz": {"type": "long", "logicalType": "local-timestamp-micros"},
}


def write_typed(
    spark: SparkSession,
    rows: Sequence[Row],
    columns: Sequence[Column],
    file_format: FileFormat,
    path: Path,
    place: Place,
) -> None:
    """Write rows as a file with the types of their columns, or for Delta a table in a folder.

    A column with a value that does not fit its type is written as text, as by somebody else who takes it for one.

    Raises:
        WrongFixture: The format cannot hold a column or value.
    """
    frame, types = file_frame(spark, rows, {column.name: column.type for column in columns}, place)
    parts = [type_tree(kind, name) for name, kind in types.items()]
    names = [column.source_name or column.name for column in columns]
    schema = pa.schema([pa.field(name, part.arrow) for name, part in zip(names, parts, strict=True)])
    table = frame.toArrow().rename_columns(names).cast(schema)
    try:
        match file_format:
            case FileFormat.PARQUET:
                pq.write_table(table, path)
            case FileFormat.ORC:
                orc.write_table(table, path)
            case FileFormat.AVRO:
                _write_avro(table, names, parts, path)
            case _:
                write_deltalake(path, table)
    # Each library has errors of its own for what it does not write, and none of them is a defect of ours.
    except Exception as error:
        raise place.wrong(
            f"this cannot be written as {file_format} ({error}); give a file instead"
        ) from error


def _write_avro(table: pa.Table, names: Sequence[str], parts: Sequence[Part], path: Path) -> None:
    fields = [
        {"name": _avro_name(name), "type": ["null", _avro_type(part, f"{name}_")]}
        for name, part in zip(names, parts, strict=True)
    ]
    schema = fastavro.parse_schema({"type": "record", "name": "landed_row", "fields": fields})
    records = (
        {name: _avro_value(value, part) for (name, value), part in zip(row.items(), parts, strict=True)}
        for row in table.to_pylist()
    )
    with path.open("wb") as file:
        fastavro.writer(file, schema, records)


def _avro_name(name: str) -> str:
    if _AVRO_NAME.fullmatch(name) is None:
        raise ValueError(f"'{name}' cannot be the name of a field, which has letters, digits and underscores")
    return name


def _avro_type(part: Part, path: str) -> Any:
    """Return the Avro type of a part, all parts of which may be null.

    Args:
        path: What the names of records within begin with: each is defined once.
    """
    if part.base == "decimal":
        precision, scale = part.digits
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    if part.base == "struct":
        fields = [
            {"name": _avro_name(name), "type": ["null", _avro_type(field, f"{path}{name}_")]}
            for name, field in part.fields
        ]
        return {"type": "record", "name": f"{path}record", "fields": fields}
    if part.inner is None:
        return _AVRO_TYPES[part.base]
    inner = ["null", _avro_type(part.inner, f"{path}item_")]
    if part.key is None:
        return {"type": "array", "items": inner}
    if part.key.base != "string":
        raise ValueError(f"the keys of '{part.path}' are {part.key.kind}, and only texts can be keys")
    return {"type": "map", "values": inner}


def _avro_value(value: Any, part: Part) -> Any:
    if value is None:
        return None
    if part.base == "struct":
        return {name: _avro_value(value[name], field) for name, field in part.fields}
    if part.inner is None:
        return value
    if part.key is None:
        return [_avro_value(item, part.inner) for item in value]
    return {key: _avro_value(item, part.inner) for key, item in value}
