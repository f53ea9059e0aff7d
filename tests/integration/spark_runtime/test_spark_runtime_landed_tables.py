"""Delta tables that land: commits as landed files, each taken in whole or rejected, on the real engine."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.integration.spark_runtime.workbench import Workbench, counts, rule

COLUMNS = "id int not null; name string; day date"


def rows(*ids: int, day: str = "2026-01-31") -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.int32()),
            "name": pa.array([f"n{number}" for number in ids]),
            "day": pa.array([day] * len(ids)).cast(pa.date32()),
        }
    )


def a_table(bench: Workbench, *versions: pa.Table, **more: Any) -> Path:
    """Write a Delta table into the landing zone as somebody else would, one commit each."""
    place = bench.folder / "landing" / "orders table"
    for version in versions:
        write_deltalake(str(place), version, mode="append", **more)
    return place


def commit(table: Path, version: int) -> dict[str, Any]:
    path = table / "_delta_log" / f"{version:020d}.json"
    return {"uri": f"file://{path}", "etag": "0x1", "size_bytes": path.stat().st_size}


def a_commit(table: Path, version: int, *actions: dict[str, Any]) -> dict[str, Any]:
    """Write a commit by hand."""
    path = table / "_delta_log" / f"{version:020d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(action) + "\n" for action in actions))
    return commit(table, version)


def an_add(table: Path, name: str, content: pa.Table, **more: Any) -> dict[str, Any]:
    table.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, table / name)
    size = (table / name).stat().st_size
    add = {"path": name, "size": size, "partitionValues": {}, "dataChange": True, "modificationTime": 0}
    return {"add": add | more}


def reasons(result: dict[str, Any]) -> list[str | None]:
    return [file["reason"] for file in result["files"]]


def test_each_commit_brings_the_rows_it_adds_and_rows_that_do_not_fit_are_held(bench: Workbench) -> None:
    table = a_table(bench, rows(1, 2), rows(3, -4))
    first, second = commit(table, 0), commit(table, 1)
    positive = rule("positive", "range", column="id", min=0)

    one = bench.ingest(COLUMNS, first, format="delta", run_id="r1", rules=[positive])
    two = bench.ingest(COLUMNS, second, format="delta", run_id="r2", rules=[positive])

    assert (counts(one), counts(two)) == ((2, 2, 0), (2, 1, 1))
    assert bench.rows("orders", "id", "_run_id", "_source_file") == [
        (1, "r1", first["uri"]),
        (2, "r1", first["uri"]),
        (3, "r2", second["uri"]),
    ]
    assert [rules for rules, _, _ in bench.quarantined()] == [["positive"]]


def test_a_commit_that_is_read_again_replaces_its_rows(bench: Workbench) -> None:
    table = a_table(bench, rows(1, 2))
    landed = commit(table, 0)
    replaced = {"replaces": [{"run_id": "r1", "files": [landed["uri"]]}]}

    bench.ingest(COLUMNS, landed, format="delta", run_id="r1")
    bench.ingest(COLUMNS, landed, format="delta", run_id="r1", attempt=2)
    bench.ingest(COLUMNS, landed, format="delta", run_id="r2", output=replaced)

    assert bench.rows("orders", "id", "_run_id") == [(1, "r2"), (2, "r2")]


def test_partition_columns_come_from_the_log(bench: Workbench) -> None:
    table = bench.folder / "landing" / "t"
    content = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int32()),
            "at": pa.array(
                [datetime(2026, 1, 31, 10, 5, tzinfo=UTC)] * 2 + [None], pa.timestamp("us", "UTC")
            ),
            "region": ["a/b c%", "x", None],
        }
    )
    write_deltalake(str(table), content, partition_by=["region", "at"])

    result = bench.ingest("id int; at timestamp; region string", commit(table, 0), format="delta")

    assert counts(result) == (3, 3, 0)
    assert bench.rows("orders", "id", "region") == [(1, "a/b c%"), (2, "x"), (3, None)]
    assert bench.epochs("orders", "at") == [datetime(2026, 1, 31, 10, 5, tzinfo=UTC).timestamp()] * 2


def test_bytes_in_the_log_are_rejected_for_they_may_be_others(bench: Workbench) -> None:
    """One writer puts the byte 61 there as ``a``, another as ``\\u0061``."""
    table = bench.folder / "landing" / "t"
    for version, part in enumerate((b"a", None)):
        content = pa.table({"id": pa.array([version], pa.int32()), "part": pa.array([part], pa.binary())})
        write_deltalake(str(table), content, partition_by=["part"], mode="append")
    listed = [commit(table, version) for version in (0, 1)]

    result = bench.ingest("id int; part binary", *listed, format="delta")

    assert bench.rows("orders", "id", "part") == [(1, None)]
    assert "declare it as string" in str(reasons(result)[0])


def test_only_what_a_commit_adds_is_read(bench: Workbench) -> None:
    """Compaction writes rows again that were there; a commit without rows has none."""
    table = a_table(bench, rows(1), rows(2))
    DeltaTable(str(table)).optimize.compact()
    DeltaTable(str(table)).alter.set_table_properties({"delta.appendOnly": "true"})

    listed = [commit(table, version) for version in range(4)]
    result = bench.ingest(COLUMNS, *listed, format="delta")

    assert counts(result) == (2, 2, 0)
    assert [file["status"] for file in result["files"]] == ["done"] * 4
    alone = bench.ingest(COLUMNS, listed[2], format="delta", dataset="other")
    assert (alone["status"], counts(alone)) == ("succeeded", (0, 0, 0))


def test_a_commit_that_takes_rows_away_is_rejected_or_taken_for_what_it_adds(bench: Workbench) -> None:
    table = a_table(bench, rows(1, 2))
    write_deltalake(str(table), rows(3), mode="overwrite")
    DeltaTable(str(table)).restore(0)
    listed = [commit(table, version) for version in range(3)]

    refused = bench.ingest(COLUMNS, *listed, format="delta")
    taken = bench.ingest(COLUMNS, *listed, format="delta", options={"removed_rows": "ignore"}, dataset="all")

    assert counts(refused) == (2, 2, 0)
    first, overwritten, restored = reasons(refused)
    assert first is None
    assert "takes rows away" in str(overwritten)
    assert "removed_rows: ignore" in str(overwritten)
    assert "restores a former version" in str(restored)
    assert counts(taken) == (3, 3, 0)
    assert [reason is None for reason in reasons(taken)] == [True, True, False]


def test_a_commit_is_rejected_whole_if_one_of_its_files_cannot_be_read(bench: Workbench) -> None:
    table = bench.folder / "landing" / "t"
    good, bad = an_add(table, "good.parquet", rows(1, 2)), an_add(table, "bad.parquet", rows(3, 4))
    (table / "bad.parquet").write_bytes((table / "bad.parquet").read_bytes()[:-9] + b"x" * 9)
    listed = [
        a_commit(table, 0, good, bad),
        a_commit(table, 1, an_add(table, "next.parquet", rows(5))),
    ]

    result = bench.ingest(COLUMNS, *listed, format="delta")

    assert counts(result) == (1, 1, 0)
    assert bench.rows("orders", "id") == [(5,)]
    assert [file["status"] for file in result["files"]] == ["rejected", "done"]
    assert str(reasons(result)[0]).startswith("bad.parquet: not a complete Parquet file")


def test_a_file_that_a_commit_adds_and_that_is_not_there_fails_the_node(bench: Workbench) -> None:
    table = bench.folder / "landing" / "t"
    listed = a_commit(table, 0, an_add(table, "a.parquet", rows(1)), an_add(table, "b.parquet", rows(2)))
    (table / "b.parquet").unlink()

    result = bench.ingest(COLUMNS, listed, format="delta")

    assert (result["status"], result["error"]["code"]) == ("failed", "LF4511")
    assert "b.parquet" in result["error"]["message"]


MAPPED = {"configuration": {"delta.columnMapping.mode": "name"}}


@pytest.mark.parametrize(
    ("more", "actions", "reason"),
    [
        ({"path": "../elsewhere.parquet"}, [], "lies outside of the table"),
        ({"path": "abfss://lake@x.dfs.core.windows.net/a.parquet"}, [], "lies outside of the table"),
        ({"deletionVector": {"storageType": "u"}}, [], "deletion vectors"),
        ({"size": 7}, [], "it was replaced since"),
        ({"stats": '{"numRecords": 3}'}, [], "holds 2 rows, and the log of its table says 3"),
        ({}, [{"metaData": MAPPED}], "mapped to other names"),
        ({}, [{"what": 1}], "no action of a Delta table"),
    ],
    ids=["above", "elsewhere", "deletion_vectors", "size", "rows", "mapping", "no_action"],
)
def test_commits_that_cannot_be_followed_are_rejected(
    bench: Workbench, more: dict[str, Any], actions: list[dict[str, Any]], reason: str
) -> None:
    table = bench.folder / "landing" / "t"
    add = an_add(table, "a.parquet", rows(1, 2), **more)
    fine = a_commit(table, 1, an_add(table, "fine.parquet", rows(3)))

    result = bench.ingest(COLUMNS, a_commit(table, 0, *actions, add), fine, format="delta")

    assert counts(result) == (1, 1, 0)
    assert reason in str(reasons(result)[0])


def test_files_whose_columns_have_ids_are_rejected_for_their_names_may_be_others(bench: Workbench) -> None:
    table = bench.folder / "landing" / "t"
    marked = pa.field("id", pa.int32(), metadata={"PARQUET:field_id": "1"})
    content = pa.table({"id": [1]}, schema=pa.schema([marked]))
    listed = a_commit(table, 0, an_add(table, "a.parquet", content))
    fine = a_commit(table, 1, an_add(table, "fine.parquet", pa.table({"id": pa.array([2], pa.int32())})))

    result = bench.ingest("id int", listed, fine, format="delta")

    assert bench.rows("orders", "id") == [(2,)]
    assert "mapped to other names" in str(reasons(result)[0])


def test_a_commit_that_was_cut_off_or_is_gone_is_no_empty_one(bench: Workbench) -> None:
    table = a_table(bench, rows(1), rows(2))
    whole, cut, gone = commit(table, 0), commit(table, 1), commit(table, 1)
    path = table / "_delta_log" / f"{1:020d}.json"
    path.write_text(path.read_text()[:-20])

    result = bench.ingest(COLUMNS, whole, cut, format="delta")
    path.unlink()
    missing = bench.ingest(COLUMNS, whole, gone, format="delta", dataset="other")

    assert counts(result) == (1, 1, 0)
    assert "land it again" in str(reasons(result)[1])
    assert missing["error"]["code"] == "LF4511"


def test_new_columns_of_a_table_are_added_where_the_schema_may_evolve(bench: Workbench) -> None:
    table = a_table(bench, rows(1))
    wider = rows(2).append_column("amount", pa.array([1.5]))
    write_deltalake(str(table), wider, mode="append", schema_mode="merge")

    bench.ingest(COLUMNS, commit(table, 0), format="delta", drift="evolve")
    result = bench.ingest(COLUMNS, commit(table, 1), format="delta", drift="evolve", run_id="r2")

    assert counts(result) == (1, 1, 0)
    assert bench.rows("orders", "id", "amount") == [(1, None), (2, 1.5)]
