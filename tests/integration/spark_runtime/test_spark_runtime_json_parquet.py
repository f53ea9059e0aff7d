"""JSON lines and Parquet on the real engine: the same verdicts as for CSV."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.spark_runtime.workbench import Workbench, counts


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_json_lines_are_typed_and_bad_lines_quarantined(bench: Workbench) -> None:
    lines = [
        '{"ID": 1, "amount": 10.10, "tags": ["a", 1.50]}',
        '{"id": 2}',
        '{"id": 3, "amount": "12345678901234567.89", "tags": "plain"}',
        '{"id": 4, "colour": "red"}',
        '{"id": 5, "amount": true}',
        '{"id": 6',
        "[7]",
        "",
    ]
    file = bench.land("a.json", "\n".join(lines).encode())

    result = bench.ingest("id int not null; amount decimal(20,2); tags string", file, format="json")

    assert counts(result) == (7, 3, 4)
    assert bench.rows("orders", "id", "amount", "tags") == [
        (1, Decimal("10.10"), '["a",1.50]'),
        (2, None, None),
        (3, Decimal("12345678901234567.89"), "plain"),
    ]
    reasons = [(reason, row) for _, reason, row in bench.quarantined()]
    assert ("readable_row: not a JSON object", "[7]") in reasons
    assert ("readable_row: unexpected field 'colour'", lines[3]) in reasons
    assert any(reason.startswith("readable_row: not JSON") and row == lines[5] for reason, row in reasons)
    assert (
        "type:amount: amount cannot be read as decimal(20,2)",
        json.dumps({"id": "5", "amount": "true"}, separators=(",", ":")),
    ) in reasons


def test_parquet_values_keep_their_worth(bench: Workbench) -> None:
    at = datetime(2013, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)
    content = parquet(
        id=pa.array([1, 2], pa.int16()),
        Day=pa.array([date(2013, 2, 28), None]),
        at=pa.array([at, None], pa.timestamp("ns", "Europe/Amsterdam")),
        price=pa.array([Decimal("1.50"), None]),
        share=pa.array([0.1, float("inf")]),
        open=pa.array([True, False]),
    )
    columns = "id int not null; day date; at timestamp; price decimal(5,2); share double; open boolean"

    result = bench.ingest(columns, bench.land("a.parquet", content), format="parquet")

    assert counts(result) == (2, 2, 0)
    first, second = bench.rows("orders", "id", "day", "price", "share", "open")
    assert first == (1, date(2013, 2, 28), Decimal("1.50"), 0.1, True)
    assert second == (2, None, None, float("inf"), False)
    assert bench.epochs("orders", "at") == [at.timestamp()]


def test_a_parquet_file_with_other_columns_goes_to_quarantine_and_a_cut_one_is_rejected(
    bench: Workbench,
) -> None:
    good = bench.land("good.parquet", parquet(id=[1, 2]))
    other = bench.land("other.parquet", parquet(id=[3], name=["x"]))
    cut = bench.land("cut.parquet", parquet(id=[4])[:-8])

    result = bench.ingest("id int", good, other, cut, format="parquet")

    assert counts(result) == (3, 2, 1)
    assert bench.quarantined() == [
        (["readable_row"], "readable_row: the file has unexpected column 'name'", '{"id":"3","name":"x"}')
    ]
    assert [file["status"] for file in result["files"]] == ["done", "done", "rejected"]
