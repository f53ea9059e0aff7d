"""A version stays readable, however many checkpoints were written after it."""

import json
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from spark_runtime.delta import DeltaTables
from tests.integration.spark_runtime.workbench import Workbench

LAST = 23


def _rows(version: int) -> str:
    """Return rows of which each version takes some place of others, in partitions with names that need escapes."""
    return f"""
        SELECT id, date_add(date'2026-01-30', CAST(id % 3 AS int)) AS day,
               CASE WHEN id % 3 = 0 THEN NULL ELSE concat('a b/%=*', id % 3) END AS place,
               CAST({version} + id / 100 AS decimal(10,2)) AS amount, array('x', NULL) AS tags
        FROM (SELECT explode(sequence({version}L, {version}L + 4)) AS id)
    """  # noqa: S608 - a number


@pytest.mark.parametrize("partitions", [(), ("day", "place")], ids=["plain", "partitioned"])
def test_every_version_is_read_as_it_was(bench: Workbench, partitions: tuple[str, ...]) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("versions")
    expected = []
    for version in range(LAST + 1):
        writer = bench.spark.sql(_rows(version)).write.format("delta")
        modes = writer.mode("append" if version % 4 == 1 else "overwrite").partitionBy(*partitions)
        modes.save(uri)
        expected.append(_content(tables.read(uri)))

    found = [_content(tables.open(uri, version=version)) for version in range(LAST + 1)]

    assert found == expected
    assert tables.read(uri, version=12).schema.simpleString() == tables.read(uri).schema.simpleString()
    assert tables.read(uri, version=12).where("amount >= 12").count() == 5


def test_columns_that_came_later_are_not_in_an_old_version(bench: Workbench) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("wider")
    tables.create_if_missing(uri, {"id": "bigint"})
    tables.replace_slice(uri, bench.spark.range(3).toDF("id"), "(id IS NOT NULL AND id < 3)", key="a")
    tables.add_columns(uri, {"name": "string"})
    for number in range(3, 12):
        rows = bench.spark.sql(f"SELECT {number}L AS id, 'n' AS name")
        tables.replace_slice(uri, rows, f"(id IS NOT NULL AND id = {number})", key=str(number))

    before, empty, after = (tables.read(uri, version=version) for version in (1, 0, 5))

    assert (before.columns, before.count()) == (["id"], 3)
    assert (empty.columns, empty.count()) == (["id"], 0)
    assert sorted(tuple(row) for row in after.collect())[2:] == [(2, None), (3, "n"), (4, "n"), (5, "n")]


def test_a_version_whose_log_is_gone_is_said_to_be_missing(bench: Workbench) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("gone")
    for number in range(12):
        tables.overwrite(uri, bench.spark.range(number + 1).toDF("id"), {"id": "bigint"}, key=str(number))
    (Path(uri) / "_delta_log" / f"{0:020d}.json").unlink()

    with pytest.raises(PySparkException, match="Missing commit file"):
        tables.read(uri, version=5)


def test_a_version_with_rows_marked_as_deleted_is_not_guessed_at(bench: Workbench) -> None:
    tables, uri = DeltaTables(bench.spark, is_sail=True), bench.table("marked")
    for number in range(12):
        tables.overwrite(uri, bench.spark.range(number + 1).toDF("id"), {"id": "bigint"}, key=str(number))
    commit = Path(uri) / "_delta_log" / f"{5:020d}.json"
    lines = [json.loads(line) for line in commit.read_text().splitlines()]
    for line in lines:
        if "add" in line:
            line["add"]["deletionVector"] = {
                "storageType": "u",
                "pathOrInlineDv": "x",
                "sizeInBytes": 1,
                "cardinality": 1,
            }
    commit.write_text("\n".join(map(json.dumps, lines)))

    with pytest.raises(PySparkException, match="Missing commit file"):
        tables.read(uri, version=5)


@pytest.mark.parametrize("gone", ["table", "log", "version"])
def test_a_node_whose_version_is_gone_says_which_and_what_to_do(bench: Workbench, gone: str) -> None:
    uri = Path(bench.table("orders"))
    for number in range(0 if gone == "table" else 12):
        bench.save("orders", f"SELECT id FROM range({number})")  # noqa: S608 - a number
    if gone == "log":
        (uri / "_delta_log" / f"{0:020d}.json").unlink()

    error = bench.transform(versions={"orders": 99 if gone == "version" else 5})["error"]

    assert (error["code"], error["kind"]) == ("LF4502", "definition")
    assert (
        f"input 'orders': version {99 if gone == 'version' else 5} of the Delta table at {uri}"
        in error["message"]
    )
    assert "Run the node that builds it" in error["message"]


@pytest.mark.parametrize("version", [None, 0])
def test_a_node_whose_input_lacks_a_data_file_says_which(bench: Workbench, version: int | None) -> None:
    bench.save("orders", "SELECT id, 1 AS v FROM range(3)")
    uri = Path(bench.table("orders"))
    (file,) = uri.glob("*.parquet")
    file.unlink()

    error = bench.transform({"filter": "v > 0"}, versions={"orders": version})["error"]

    assert (error["code"], error["kind"]) == ("LF4509", "definition")
    assert f"of the Delta table at {uri} needs the file {file.name}" in error["message"]
    assert ("version 0" if version == 0 else "the newest version") in error["message"]
    assert "Start a new run" in error["message"]


def _content(rows: object) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in rows.collect()), key=repr)  # type: ignore[attr-defined]
