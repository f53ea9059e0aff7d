"""Files with other columns than the declared ones: what becomes of them is declared, and no row is lost."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts

OLD = b"id,name\n1,a\n"
WIDE = b"id,name,Tax (%),note\n2,b,19,\n"
NARROW = b"id\n3\n"


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        ("quarantine", (3, 1, 2)),
        ("discard", (3, 2, 1)),
        ("rescue", (3, 3, 0)),
        ("evolve", (3, 3, 0)),
    ],
)
def test_every_row_is_accounted_for(bench: Workbench, drift: str, expected: tuple[int, int, int]) -> None:
    files = [bench.land(f"{at}.csv", content) for at, content in enumerate((OLD, WIDE, NARROW))]

    result = bench.ingest("id int; name string", *files, drift=drift)

    assert counts(result) == expected


@pytest.mark.parametrize("content", [WIDE, NARROW])
def test_frozen_columns_stop_the_node(bench: Workbench, content: bytes) -> None:
    bench.ingest("id int; name string", bench.land("old.csv", OLD), drift="freeze")

    files = [bench.land("old2.csv", OLD), bench.land("new.csv", content)]
    result = bench.ingest("id int; name string", *files, drift="freeze", run_id="r2")

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4517", "data")
    assert "new.csv: the file has " in result["error"]["message"]
    assert len(bench.rows("orders")) == 1


def test_rescued_columns_are_kept_as_json(bench: Workbench) -> None:
    bench.ingest("id int; name string", bench.land("old.csv", OLD))

    result = bench.ingest("id int; name string", bench.land("new.csv", WIDE), drift="rescue", run_id="r2")

    assert counts(result) == (1, 1, 0)
    assert bench.rows("orders", "id", "_rescued") == [(1, None), (2, '{"Tax (%)":"19"}')]


def test_new_columns_are_added_to_the_table_and_stay(bench: Workbench) -> None:
    first = bench.ingest("id int; name string", bench.land("old.csv", OLD), drift="evolve")
    second = bench.ingest("id int; name string", bench.land("new.csv", WIDE), drift="evolve", run_id="r2")
    again = bench.ingest(
        "id int; name string", bench.land("new.csv", WIDE), drift="evolve", run_id="r2", attempt=2
    )
    third = bench.ingest("id int; name string", bench.land("narrow.csv", NARROW), drift="evolve", run_id="r3")

    assert [counts(result) for result in (first, second, again, third)] == [(1, 1, 0)] * 4
    assert bench.rows("orders", "id", "name", "Tax", "note") == [
        (1, "a", None, None),
        (2, "b", "19", None),
        (3, None, None, None),
    ]


@pytest.mark.parametrize("drift", ["quarantine", "freeze", "discard", "rescue", "evolve"])
def test_a_declared_column_that_the_table_lacks_is_added(bench: Workbench, drift: str) -> None:
    bench.ingest("id int", bench.land("a.csv", b"id\n1\n"), drift=drift)

    bench.ingest(
        "id int; price decimal(8,2)", bench.land("b.csv", b"id,price\n2,1.5\n"), drift=drift, run_id="r2"
    )

    assert [(row[0], row[1] and str(row[1])) for row in bench.rows("orders", "id", "price")] == [
        (1, None),
        (2, "1.50"),
    ]


def test_a_column_that_must_have_a_value_is_not_added_to_rows_that_have_none(bench: Workbench) -> None:
    bench.ingest("id int", bench.land("a.csv", b"id\n1\n"))

    result = bench.ingest("id int; price int not null", bench.land("b.csv", b"id,price\n2,1\n"), run_id="r2")

    assert result["error"]["code"] == "LF4504"
    assert "no column 'price' in the table" in result["error"]["message"]
    assert "new ones are added if they may be null" in result["error"]["message"]
    assert bench.rows("orders", "id") == [(1,)]


def test_a_table_keeps_what_was_rescued_before_the_drift_was_declared_otherwise(bench: Workbench) -> None:
    bench.ingest("id int", bench.land("a.csv", b"id,note\n1,a\n"), drift="rescue")

    again = bench.ingest("id int", bench.land("b.csv", b"id\n2\n"), drift="quarantine", run_id="r2")

    assert counts(again) == (1, 1, 0)
    assert bench.rows("orders", "id", "_rescued") == [(1, '{"note":"a"}'), (2, None)]


def test_files_that_know_types_bring_them(bench: Workbench) -> None:
    files = [
        bench.land("a.parquet", parquet(id=[1], pieces=pa.array([7], pa.int16()), tags=[["x"]])),
        bench.land("b.parquet", parquet(id=[2], pieces=pa.array([1 << 40]))),
    ]

    result = bench.ingest("id int", *files, format="parquet", drift="evolve")

    types = {column["name"]: column["type"] for column in result["output"]["columns"]}
    assert (types["pieces"], types["tags"]) == ("bigint", "string")
    assert bench.rows("orders", "id", "pieces", "tags") == [(1, 7, '["x"]'), (2, 1 << 40, None)]


def test_a_value_that_does_not_fit_the_column_a_table_got_is_quarantined(bench: Workbench) -> None:
    bench.ingest("id int", bench.land("a.parquet", parquet(id=[1], n=[5])), format="parquet", drift="evolve")

    result = bench.ingest(
        "id int",
        bench.land("b.parquet", parquet(id=[2, 3], n=["6", "x"])),
        format="parquet",
        drift="evolve",
        run_id="r2",
    )

    assert counts(result) == (2, 1, 1)
    assert bench.rows("orders", "id", "n") == [(1, 5), (2, 6)]


def test_fields_of_json_objects_drift_each_for_itself(bench: Workbench) -> None:
    content = b'{"id": 1}\n{"id": 2, "a b": {"x": 1.50}}\n'

    evolved = bench.ingest("id int", bench.land("a.json", content), format="json", drift="evolve")
    rescued = bench.ingest(
        "id int", bench.land("a.json", content), format="json", drift="rescue", dataset="kept"
    )
    frozen = bench.ingest(
        "id int", bench.land("a.json", content), format="json", drift="freeze", dataset="ice"
    )

    assert [counts(evolved), counts(rescued)] == [(2, 2, 0)] * 2
    assert bench.rows("orders", "id", "a_b") == [(1, None), (2, '{"x":1.50}')]
    assert bench.rows("kept", "id", "_rescued") == [(1, None), (2, '{"a b":{"x":1.50}}')]
    assert frozen["error"]["code"] == "LF4517"
