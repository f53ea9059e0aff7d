"""Values of typed files as they are and over their texts: the same rows, the same refusals, drawn at random."""

import io
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from spark_runtime import ingest, landed_files
from spark_runtime.column_spec import Column
from spark_runtime.input_spec import Drift, FileFormat, FilesInput, LandedFile
from spark_runtime.portable.dialect import Dialect
from spark_runtime.readers.records import TextArray
from spark_runtime.readers.typed_values import typed_values
from spark_runtime.staged_column import StagedColumn
from tests.integration.spark_runtime.workbench import Workbench

EPOCH = datetime(1970, 1, 1)
MOMENTS = [
    datetime(1, 1, 1),
    datetime(1582, 10, 15, 12),
    datetime(1677, 9, 21),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    EPOCH,
    datetime(2024, 2, 29, 23, 59, 59, 1),
    datetime(2024, 3, 31, 2, 30),
    datetime(2262, 4, 12),
    datetime(9999, 12, 31, 23, 59, 59, 999_999),
]
LATE = [datetime(1900, 1, 1), EPOCH, datetime(2024, 3, 31, 2, 30, 0, 123_456), datetime(2200, 1, 1)]
DAYS = [date(1, 1, 1), date(1582, 10, 10), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
FLOATS = [
    0.0,
    -0.0,
    0.1,
    1 / 3,
    1e15,
    1e-7,
    5e-324,
    1.7976931348623157e308,
    float("nan"),
    float("inf"),
    -float("inf"),
]
WHOLES = [0, 1, -1, 127, -128, 32_768, 2**31 - 1, -(2**31), 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
DECIMALS = [
    Decimal(text) for text in ("0", "0.005", "-0.005", "1.015", "99999999.999", "-99999999.999", "12.5")
]
SMALL = [Decimal("0E-8"), Decimal("1E-8"), Decimal("-12.00000001"), Decimal("9999.99999999")]


def whole(kind: Any, bits: int, signed: bool = True) -> Any:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return kind, [number for number in [*WHOLES, 2**bits - 1] if least <= number <= most]


# Types of files with values at their edges, by name.
FILES: dict[str, Any] = {
    "int8": whole(pa.int8(), 8),
    "int32": whole(pa.int32(), 32),
    "int64": whole(pa.int64(), 64),
    "uint32": whole(pa.uint32(), 32, signed=False),
    "uint64": whole(pa.uint64(), 64, signed=False),
    "float32": (pa.float32(), [0.0, -0.0, 0.1, 16_777_216.0, 3.4e38, float("nan"), float("inf")]),
    "float64": (pa.float64(), FLOATS),
    "bool": (pa.bool_(), [True, False]),
    "date": (pa.date32(), DAYS),
    "far_date": (pa.int32(), [-719_163, 2_932_897, 0]),
    "instant": (pa.timestamp("us", "Europe/Amsterdam"), MOMENTS),
    "instant_ns": (pa.timestamp("ns", "UTC"), LATE),
    "moment": (pa.timestamp("us"), MOMENTS),
    "moment_ms": (pa.timestamp("ms"), [moment.replace(microsecond=0) for moment in MOMENTS]),
    "moment_ns": (pa.timestamp("ns"), LATE),
    "decimal": (pa.decimal128(12, 3), DECIMALS),
    "small": (pa.decimal128(12, 8), SMALL),
    "text": (pa.string(), ["", " 7 ", "1.5", "x", "2024-02-29", "true", "NaN", 'é😀\n"\\']),
    "coded": (pa.dictionary(pa.int32(), pa.string()), ["7", "x", ""]),
    "list": (pa.list_(pa.int32()), [[], [1, None], [2**31 - 1]]),
    "struct": (pa.struct([("a", pa.decimal128(12, 8))]), [{"a": None}, {"a": Decimal("0E-8")}, None]),
}
DECLARED = {
    "tinyint": "int8 int32 int64 uint32 text decimal",
    "int": "int8 int32 int64 uint32 uint64 float64 bool text coded date",
    "bigint": "int8 int64 uint32 uint64 decimal text",
    "float": "int32 int64 float32 float64 decimal text",
    "double": "int32 int64 float32 float64 decimal small text bool",
    "boolean": "bool int8 text coded",
    "date": "date far_date moment instant text",
    "timestamp": "instant instant_ns moment moment_ms moment_ns date text int64",
    "timestamp_ntz": "instant moment moment_ms moment_ns date text",
    "decimal(12,3)": "decimal small int32 int64 float64 text",
    "decimal(5,2)": "decimal int8 text",
    "decimal(18,8)": "decimal small int64",
    "string": "int64 float64 bool date instant moment decimal small text coded",
    "array<bigint>": "list text",
    "struct<a:decimal(12,8)>": "struct text",
}


def far_dates(values: TextArray) -> TextArray:
    return values.cast(pa.date32())


def column(name: str, values: Sequence[Any]) -> TextArray:
    kind, _ = FILES[name]
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    array = pa.array(values, kind)
    return far_dates(array) if name == "far_date" else array


def a_file(rows: int, value: Callable[[Sequence[Any]], Any]) -> pa.Table:
    """Return a table of all columns, its values chosen from the edges of each type."""
    columns: dict[str, Any] = {"id": pa.array(range(rows), pa.int32())}
    for name in (name for names in DECLARED.values() for name in names.split()):
        columns[f"c{len(columns)}"] = column(name, [value(FILES[name][1]) for _ in range(rows)])
    return pa.table(columns)


DECLARED_OF = ["id int", *(f"{name} as {kind}" for kind, names in DECLARED.items() for name in names.split())]


def declared() -> tuple[Column, ...]:
    kinds = [kind for kind, names in DECLARED.items() for _ in names.split()]
    return (Column("id", "int"), *(Column(f"c{at}", kind) for at, kind in enumerate(kinds, 1)))


def each_edge_alone() -> list[pa.Table]:
    """One value decides for its batch which way it goes, so each stands in a file of its own."""
    most = max(len(edges) for _, edges in FILES.values())
    return [a_file(1, partial(_edge, at)) for at in range(most)]


def _edge(at: int, edges: Sequence[Any]) -> Any:
    return edges[at % len(edges)]


def drawn() -> list[pa.Table]:
    lots = random.Random(7)  # noqa: S311 - lots for test data
    choose: Callable[[Sequence[Any]], Any] = lambda edges: None if lots.random() < 0.2 else lots.choice(edges)  # noqa: E731
    return [a_file(rows, choose) for rows in (2, 3, 12)]


def parquet_of(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def orc_of(table: pa.Table) -> bytes:
    out = io.BytesIO()
    # It has no unsigned numbers and no dictionaries.
    kept = [field.name for field in table.schema if not str(field.type).startswith(("uint", "dictionary"))]
    orc.write_table(table.select(kept), out)
    return out.getvalue()


def cells(bench: Workbench, source: FilesInput) -> list[tuple[Any, ...]]:
    """Return of each row, per column, its value as text, whether it was lost, and what a refused row would say of it.

    Not of tables: a row of all these columns would always be refused for one of them.
    """
    job: Any = SimpleNamespace(spark=bench.spark, dialect=Dialect.of(bench.spark))
    shown = []
    for at, column in enumerate(source.columns):
        conversion = ingest._conversion(source, column, at)
        tells = landed_files.comes_typed(source, column)
        staged = StagedColumn(column.name, column.type, f"_lf_c{at}", conversion, True, "", tells_text=tells)
        value = f"to_json(named_struct('v', {conversion.value}))" if "<" in column.type else conversion.value
        shown += [f"CAST({value} AS string)", conversion.lost or "false"]
        shown.append(staged.as_read(f"_lf_c{at}", conversion.value))
    rows = landed_files.read_landed_files(job, source).where("_lf_kind = 0")
    named = (f"{sql} AS x{at}" for at, sql in enumerate(["_lf_file", "_lf_line", *shown]))
    return sorted(tuple(row) for row in rows.selectExpr(*named).collect())


@pytest.mark.parametrize(
    ("kind", "tables"),
    [(FileFormat.PARQUET, each_edge_alone), (FileFormat.PARQUET, drawn), (FileFormat.ORC, each_edge_alone)],
    ids=["parquet_each_edge_alone", "parquet_drawn", "orc_each_edge_alone"],
)
def test_both_ways_come_to_the_same(
    kind: FileFormat, tables: Callable[[], list[pa.Table]], bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = parquet_of if kind is FileFormat.PARQUET else orc_of
    files = [bench.land(f"{at}.{kind}", written(table)) for at, table in enumerate(tables())]
    landed = tuple(LandedFile(file["uri"], "", file["size_bytes"]) for file in files)
    source = FilesInput("edges", kind, {}, landed, declared(), drift=Drift.EVOLVE)

    typed = cells(bench, source)
    for module in (landed_files, ingest):
        monkeypatch.setattr(module, "comes_typed", lambda *_: False)
    texts = cells(bench, source)

    # ORC counts in nanoseconds, so files with moments beyond are rejected either way.
    assert len(typed) == sum(table.num_rows for table in tables()) or (typed and kind is FileFormat.ORC)
    apart = [
        (DECLARED_OF[(at - 2) // 3], one, other)
        for left, right in zip(typed, texts, strict=True)
        for at, (one, other) in enumerate(zip(left, right, strict=True))
        if one != other
    ]
    assert not apart


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("int64", "bigint"),
        ("int8", "int"),
        ("float64", "double"),
        ("decimal", "decimal(12,3)"),
        ("bool", "boolean"),
    ],
)
def test_what_fits_takes_the_short_way(name: str, kind: str) -> None:
    values = column(name, [None, *FILES[name][1]])

    assert typed_values(values, kind) is not None


def test_one_value_that_does_not_fit_sends_its_batch_over_the_texts() -> None:
    values = column("int64", [1, 2**31])

    assert typed_values(values, "int") is None
    assert typed_values(values.slice(0, 1), "int") is not None
    assert typed_values(column("float32", [0.1]), "double") is None
