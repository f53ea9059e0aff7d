"""Values of typed files as they are and over their texts: the same rows, the same refusals, drawn at random."""

import io
import random
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from spark_runtime import ingest, landed_files
from spark_runtime.readers.records import TextArray
from tests.integration.spark_runtime.workbench import Workbench, counts, rule, rule_counts

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


def drawn(name: str, lots: random.Random, rows: int) -> TextArray:
    """Return a column: now and then null, its values at the edges of its type."""
    kind, edges = FILES[name]
    values = [None if lots.random() < 0.2 else lots.choice(edges) for _ in range(rows)]
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    array = pa.array(values, kind)
    return far_dates(array) if name == "far_date" else array


def a_file(lots: random.Random, rows: int) -> tuple[pa.Table, str]:
    """Return a table, and what is declared of it."""
    columns: dict[str, Any] = {"id": pa.array(range(rows), pa.int32())}
    declared = ["id int not null"]
    for kind, names in DECLARED.items():
        for name in names.split():
            own = f"c{len(columns)}"
            columns[own] = drawn(name, lots, rows)
            declared.append(f"{own} {kind}")
    return pa.table(columns), "; ".join(declared)


def parquet_of(table: pa.Table, **more: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **more)
    return out.getvalue()


def orc_of(table: pa.Table) -> bytes:
    out = io.BytesIO()
    orc.write_table(table, out)
    return out.getvalue()


@pytest.fixture
def over_texts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every value come over its text, as files that know no types have them."""

    def switch() -> None:
        for module in (landed_files, ingest):
            monkeypatch.setattr(module, "comes_typed", lambda *_: False)

    return switch


def verdict(bench: Workbench, dataset: str, result: dict[str, Any], declared: str) -> tuple[Any, ...]:
    # As text: NaN is not equal to itself, and Python has no year 10000.
    shown = [
        f"CAST({name} AS string)" if "<" not in kind else name
        for name, kind in (column.split(maxsplit=1) for column in declared.split("; "))
    ]
    files = [file["status"] for file in result["files"]]
    rows = [str(row) for row in bench.rows(dataset, *shown)]
    return counts(result), files, rule_counts(result), rows, bench.quarantined(dataset)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_come_to_the_same(seed: int, bench: Workbench, over_texts: Callable[[], None]) -> None:
    lots = random.Random(seed)  # noqa: S311 - lots for test data
    # Few rows a file, so that some have only values that fit and others do not.
    files = []
    declared = ""
    for number in range(4):
        table, declared = a_file(lots, lots.choice([1, 2, 3, 12]))
        files.append(bench.land(f"{number}.parquet", parquet_of(table)))
    rules = [rule("odd", "expression", expression="id % 2 = 1", severity="quarantine")]

    def taken(dataset: str) -> tuple[Any, ...]:
        result = bench.ingest(declared, *files, format="parquet", rules=rules, dataset=dataset)
        return verdict(bench, dataset, result, declared)

    typed = taken("typed")
    over_texts()
    texts = taken("texts")

    assert typed == texts
    assert typed[0][0] > 0
