"""Landed files of formats that know types, made from the rows of a case: the same rows in every process."""

import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from spark_runtime.readers.nested import nested_arrow_type
from tests.integration.spark_runtime.workbench import columns_of

# What parts an Avro file into blocks is drawn by lot otherwise.
_MARK = bytes(16)


def content_of(file: Mapping[str, Any]) -> bytes:
    """Return the bytes of a Parquet, ORC, Avro or Excel file, as its name ends.

    Args:
        file: ``rows``; of Parquet and ORC ``types``, as ``id bigint; s struct<a:int>``, and rows as lists; of Avro
            ``fields`` as its schema has them, and rows as mappings; of Excel rows as lists, the header first. A map
            is a list of pairs.
    """
    out = io.BytesIO()
    if file["name"].endswith(".xlsx"):
        workbook = openpyxl.Workbook()
        for row in file["rows"]:
            workbook.worksheets[0].append(row)
        workbook.save(out)
        return out.getvalue()
    if file["name"].endswith(".avro"):
        schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": file["fields"]})
        fastavro.writer(out, schema, file["rows"], sync_marker=_MARK, strict=False)
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


def table_of(given: Mapping[str, Any]) -> tuple[str, bytes, dict[str, bytes]]:
    """Return the name and text of a commit of a Delta table, and the data files beside it by their names.

    Args:
        given: ``commit``, its number; ``adds``, each a Parquet file as ``content_of`` takes it, and what else its
            action says; ``actions``, further ones as they are.
    """
    actions: list[Mapping[str, Any]] = list(given.get("actions", ()))
    files: dict[str, bytes] = {}
    for add in given.get("adds", ()):
        content = content_of(add)
        files[f"t/{add['name']}"] = content[: -int(add.get("cut", 0)) or None]
        said = {"path": quote(add["name"]), "size": len(content), "partitionValues": {}, "dataChange": True}
        actions.append({"add": said | add.get("says", {})})
    text = "".join(json.dumps(action) + "\n" for action in actions)
    return f"t/_delta_log/{given['commit']:020d}.json", text.encode(), files


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind.startswith("decimal"):
        return Decimal(str(value))
    if kind.startswith("map") and isinstance(value, Sequence):
        return [tuple(pair) for pair in value]
    return value
