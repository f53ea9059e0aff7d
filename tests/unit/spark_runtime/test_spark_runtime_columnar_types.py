"""Types of Parquet files that few writers use: their values come as they are, and a bad one refuses its row alone."""

import io
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_runtime.readers.read_columnar import read_columnar
from spark_runtime.readers.records import Wanted
from spark_runtime.readers.type_tree import type_tree

UUID = uuid.UUID("9b2f0c1e-0d4b-4f7a-8c3d-5e6f708192a3")


def texts(kind: Any, values: list[Any], declared: str = "string") -> tuple[list[Any], int]:
    """Return the texts of a column, and how many rows were refused."""
    out = io.BytesIO()
    pq.write_table(pa.table({"v": pa.array(values, kind)}), out)
    parts = read_columnar(pa.py_buffer(out.getvalue()), "parquet", Wanted(("v",)), [type_tree(declared, "v")])
    (parsed,) = parts
    return parsed.columns[0].to_pylist(), len(parsed.refused)


def test_a_uuid_is_its_text_and_where_bytes_are_declared_its_bytes() -> None:
    assert texts(pa.uuid(), [UUID.bytes, None]) == ([str(UUID), None], 0)
    assert texts(pa.uuid(), [UUID.bytes], "binary") == (["my8MHg1LT3qMPV5vcIGSow=="], 0)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(1)])
def test_bytes_that_are_no_text_refuse_their_row_and_not_the_file(kind: Any) -> None:
    assert texts(kind, [b"a", b"\xff"]) == (["a"], 1)


@pytest.mark.parametrize("make", [pa.list_, pa.large_list, pa.list_view, lambda kind: pa.list_(kind, 2)])
def test_moments_in_lists_of_any_kind_are_read_beyond_the_years_of_python(make: Any) -> None:
    values = [[1, 253_402_300_800_000_000], None]

    found, _ = texts(make(pa.timestamp("us", "UTC")), values, "array<timestamp>")

    assert found == ['["1970-01-01 00:00:00.000001Z","10000-01-01 00:00:00.000000Z"]', None]
