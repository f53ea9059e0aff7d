"""Writes on the real engine: done twice, interrupted, in competition, or over a table that does not fit."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import SparkSession

from spark_runtime import publishing
from tests.integration.spark_runtime.workbench import Workbench, counts, rule

FILE = b"id,name\n1,pen\nx,cup\n3,jug\n"
COLUMNS = "id int; name string"


def test_an_attempt_done_twice_leaves_the_table_of_once(bench: Workbench) -> None:
    file = bench.land("a.csv", FILE)
    results = [
        bench.ingest(COLUMNS, file, run_id=run, attempt=attempt)
        for run, attempt in (("r1", 1), ("r1", 1), ("r1", 2), ("r2", 1))
    ]

    assert [counts(result) for result in results] == [(3, 2, 1)] * 4
    assert bench.rows("orders", "_run_id", "id") == [("r1", 1), ("r1", 3), ("r2", 1), ("r2", 3)]
    assert bench.rows("quarantine/orders", "_run_id", "_attempt") == [("r1", 2), ("r2", 1)]
    versions = [result["output"]["version"] for result in results]
    assert versions == sorted(set(versions))


def test_a_file_taken_in_again_replaces_its_own_rows_and_no_others(bench: Workbench) -> None:
    one, two = bench.land("a.csv", FILE), bench.land("b.csv", b"id,name\n7,box\ny,bag\n")
    bench.ingest(COLUMNS, one, two, run_id="r1")
    bench.ingest(COLUMNS, two, run_id="r2")
    bench.land("a.csv", b"id,name\n1,pen\n3,jug\n4,mug\n")

    again = bench.ingest(
        COLUMNS, one, run_id="r3", output={"replaces": [{"run_id": "r1", "files": [one["uri"]]}]}
    )

    assert counts(again) == (3, 3, 0)
    assert bench.rows("orders", "_run_id", "id") == [
        ("r1", 7),
        ("r2", 7),
        ("r3", 1),
        ("r3", 3),
        ("r3", 4),
    ]
    assert bench.rows("quarantine/orders", "_run_id") == [("r1",), ("r2",)]


def test_a_run_repeated_replaces_what_the_former_one_appended(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id UNION ALL SELECT 2")
    for run_id in ("r1", "r2"):
        bench.transform(mode="append", run_id=run_id)

    bench.transform(mode="append", run_id="r3", output={"replaces": [{"run_id": "r1", "files": []}]})

    assert bench.rows("built", "_run_id", "id") == [("r2", 1), ("r2", 2), ("r3", 1), ("r3", 2)]


def test_a_later_attempt_takes_back_what_an_earlier_one_quarantined(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id UNION ALL SELECT -1")
    positive = [rule("positive", "range", column="id", min=0)]
    bench.transform(rules=positive)
    bench.save("orders", "SELECT 1 AS id")

    bench.transform(rules=positive, attempt=2)

    assert bench.rows("quarantine/built") == []
    assert bench.rows("built") == [(1,)]


def test_a_crash_between_quarantine_and_publishing_loses_and_doubles_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bench.land("a.csv", FILE)
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "publish", lambda *_: pytest.fail("the job dies here"))
        with pytest.raises(pytest.fail.Exception):
            bench.ingest(COLUMNS, file)
    assert len(bench.rows("quarantine/orders")) == 1

    result = bench.ingest(COLUMNS, file, attempt=2)

    assert counts(result) == (3, 2, 1)
    assert bench.rows("orders", "id") == [(1,), (3,)]
    assert bench.rows("quarantine/orders", "_attempt") == [(2,)]


def test_the_same_attempt_running_twice_at_once_leaves_the_table_of_once(
    bench: Workbench, engine: str
) -> None:
    file = bench.land("a.csv", FILE)
    bench.ingest(COLUMNS, bench.land("b.csv", FILE), run_id="r0")
    sessions = [SparkSession.builder.remote(engine).create() for _ in range(3)]
    twins = [Workbench(session, bench.folder, number * 100) for number, session in enumerate(sessions, 1)]

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda twin: twin.ingest(COLUMNS, file, run_id="r1"), twins))

    for session in sessions:
        session.stop()
    assert [counts(result) for result in results] == [(3, 2, 1)] * 3
    assert bench.rows("orders", "_run_id", "id") == [("r0", 1), ("r0", 3), ("r1", 1), ("r1", 3)]
    assert bench.rows("quarantine/orders", "_run_id") == [("r0",), ("r1",)]


def test_merge_updates_and_inserts(bench: Workbench) -> None:
    bench.save("orders", "SELECT * FROM VALUES (1, 'pen'), (2, 'cup') AS t(id, name)")
    bench.transform(mode="merge", keys=["ID"])
    bench.save(
        "orders", "SELECT * FROM VALUES (2, 'mug'), (3, 'jug'), (CAST(NULL AS int), 'none') AS t(id, name)"
    )

    results = [bench.transform(mode="merge", keys=["id"], run_id=run) for run in ("r2", "r2", "r3")]

    assert [counts(result) for result in results] == [(3, 3, 0)] * 3
    assert bench.rows("built") == [(1, "pen"), (2, "mug"), (3, "jug"), (None, "none")]


def test_merge_refuses_rows_that_share_a_key(bench: Workbench) -> None:
    bench.save("orders", "SELECT * FROM VALUES (1, 'pen'), (1, 'cup') AS t(id, name)")

    result = bench.transform(mode="merge", keys=["id"])

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4513", "data")
    assert "id=1" in result["error"]["message"]


def test_a_merge_of_unique_rows_passes_once_a_rule_refuses_the_others(bench: Workbench) -> None:
    bench.save("orders", "SELECT * FROM VALUES (1, 'pen'), (1, 'cup'), (2, 'jug') AS t(id, name)")

    result = bench.transform(mode="merge", keys=["id"], rules=[rule("one", "unique", columns=["id"])])

    assert counts(result) == (3, 1, 2)
    assert bench.rows("built") == [(2, "jug")]


def test_append_of_a_transformation_is_its_run(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id")

    for run in ("r1", "r1", "r2"):
        bench.transform(mode="append", run_id=run)

    assert bench.rows("built", "id", "_run_id") == [(1, "r1"), (1, "r2")]


def test_overwrite_takes_new_columns(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id, array('a') AS tags")
    bench.transform()

    result = bench.transform({"select": ["cast(id as string) as id", "2 as more", "tags"]})

    assert bench.rows("built") == [("1", 2, ["a"])]
    assert result["output"]["columns"] == [
        {"name": "id", "type": "string"},
        {"name": "more", "type": "int"},
        {"name": "tags", "type": "array<string>"},
    ]
    fields = bench.spark.read.format("delta").load(bench.table("built")).schema.fields
    assert all(field.nullable for field in fields), "a column without nulls today may have one tomorrow"


def test_append_and_merge_refuse_a_table_with_other_columns(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1 AS id, 'x' AS name, true AS new")
    bench.save("built", "SELECT 1 AS id, 2 AS name, 'gone' AS old")

    result = bench.transform(mode="merge", keys=["id"])

    message = result["error"]["message"]
    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4504", "definition")
    assert "no column 'new' in the table" in message
    assert "the table's column 'old' is missing" in message
    assert "'name' is string and in the table int" in message
    assert bench.rows("built") == [(1, 2, "gone")]


def test_nothing_staged_stays_behind(bench: Workbench) -> None:
    bench.ingest(COLUMNS, bench.land("a.csv", FILE))
    bench.ingest(
        COLUMNS, bench.land("b.csv", FILE), rules=[rule("never", "expression", "fail", expression="id < 0")]
    )

    staged = [
        path for path in (bench.folder / "lake" / "_staging").rglob("*.parquet") if path.stat().st_size > 2000
    ]

    assert staged == []


def test_a_noop_succeeds(bench: Workbench) -> None:
    result = bench.run(kind="noop")

    assert (result["status"], result["output"], counts(result)) == ("succeeded", None, (0, 0, 0))
