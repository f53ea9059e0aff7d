"""Writes that replace a slice: partitions, snapshots, and what failed runs left behind."""

from deltalake import DeltaTable

from tests.integration.spark_runtime.workbench import Workbench, counts, rule

ORDERS = "SELECT * FROM VALUES {} AS t(day, shop, amount)"


def test_only_partitions_that_have_rows_are_replaced(bench: Workbench) -> None:
    write = {"partition_by": ["DAY", "shop"]}
    bench.save(
        "orders", ORDERS.format("(DATE'2024-03-01', '', 1), (DATE'2024-03-01', NULL, 2), (NULL, 'a', 3)")
    )
    bench.transform(mode="replace_partitions", write=write)
    bench.save(
        "orders", ORDERS.format("(DATE'2024-03-01', '', 7), (DATE'2024-03-01', '', 8), (NULL, 'a\\'b', 9)")
    )

    results = [
        bench.transform(mode="replace_partitions", write=write, run_id=run) for run in ("r2", "r2", "r3")
    ]

    assert [counts(result) for result in results] == [(3, 3, 0)] * 3
    assert bench.rows("built", "shop", "amount") == [("a'b", 9), ("", 7), ("", 8), ("a", 3), (None, 2)]


def test_without_rows_no_partition_is_touched(bench: Workbench) -> None:
    write = {"partition_by": ["shop"]}
    bench.save("orders", ORDERS.format("(DATE'2024-03-01', 'a', 1)"))
    bench.transform(mode="replace_partitions", write=write)

    result = bench.transform({"filter": "amount > 5"}, mode="replace_partitions", write=write)

    assert counts(result) == (0, 0, 0)
    assert bench.rows("built", "amount") == [(1,)]


def test_partitions_of_a_type_without_one_text_are_refused(bench: Workbench) -> None:
    bench.save("orders", "SELECT 1.5D AS share")

    result = bench.transform(mode="replace_partitions", write={"partition_by": ["share"]})

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4507", "definition")


def test_more_partitions_than_one_write_can_name_are_refused(bench: Workbench) -> None:
    bench.save("orders", "SELECT id FROM range(1001)")

    result = bench.transform(mode="replace_partitions", write={"partition_by": ["id"]})

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4516", "data")


def test_a_day_has_one_snapshot(bench: Workbench) -> None:
    for run, day, rows in (
        ("r1", "2024-03-01", "1"),
        ("r2", "2024-03-02", "1, 2"),
        ("r3", "2024-03-02", "3"),
    ):
        bench.save("orders", f"SELECT explode(array({rows})) AS id")
        result = bench.transform(
            mode="snapshot",
            run_id=run,
            run_date=day,
            write={"snapshot_per": "date", "snapshot_column": "taken_on"},
        )
        assert result["error"] is None

    assert bench.rows("built", "CAST(taken_on AS string)", "id") == [("2024-03-01", 1), ("2024-03-02", 3)]


def test_a_run_has_one_snapshot_and_failed_runs_have_none(bench: Workbench) -> None:
    write = {"snapshot_per": "run", "snapshot_column": "snapshot_run"}
    bench.save("orders", "SELECT 1 AS id")
    for run in ("r1", "r1", "r2"):
        bench.transform(mode="snapshot", run_id=run, write=write)

    bench.transform(mode="snapshot", run_id="r3", write=write, output={"discard_runs": ["r2"]})

    assert bench.rows("built", "snapshot_run") == [("r1",), ("r3",)]


def test_a_run_repeated_takes_the_place_of_the_snapshot_of_the_former_one(bench: Workbench) -> None:
    write = {"snapshot_per": "run", "snapshot_column": "snapshot_run"}
    bench.save("orders", "SELECT 1 AS id")
    for run in ("r1", "r2"):
        bench.transform(mode="snapshot", run_id=run, write=write)

    bench.transform(
        mode="snapshot", run_id="r3", write=write, output={"replaces": [{"run_id": "r1", "files": []}]}
    )

    assert bench.rows("built", "snapshot_run") == [("r2",), ("r3",)]


def test_rows_of_a_run_that_failed_after_its_commit_are_not_there_twice(bench: Workbench) -> None:
    file = bench.land("a.csv", b"id\n1\n2\n")
    bench.ingest("id int", bench.land("b.csv", b"id\n7\n"), run_id="r0")
    bench.ingest("id int", file, run_id="r1")

    result = bench.ingest("id int", file, run_id="r2", output={"discard_runs": ["r1", "rx"]})

    assert counts(result) == (2, 2, 0)
    assert bench.rows("orders", "_run_id", "id") == [("r0", 7), ("r2", 1), ("r2", 2)]


def test_rows_refused_by_a_run_that_failed_after_its_commits_are_held_once(bench: Workbench) -> None:
    bench.save("orders", "SELECT id FROM VALUES (1), (-1) AS t(id)")
    positive = [rule("positive", "range", column="id", min=0)]
    for run, gone in (("r1", []), ("r2", ["r1"])):
        bench.transform(mode="append", rules=positive, run_id=run, output={"discard_runs": gone})
    assert bench.rows("quarantine/built", "_run_id", "_row") == [("r2", '{"id":-1}')]

    # With nothing refused, and without any test.
    bench.save("orders", "SELECT 1 AS id")
    for run, gone, rules in (("r3", ["r2", "r1"], positive), ("r4", ["r3", "r2", "r1"], [])):
        bench.transform(mode="append", rules=rules, run_id=run, output={"discard_runs": gone})

        assert bench.rows("built", "_run_id", "id") == [(run, 1)]
        assert bench.rows("quarantine/built") == []


def test_rows_that_share_a_file_with_those_of_a_slice_are_not_counted_as_its_own(bench: Workbench) -> None:
    for run in ("r1", "r2"):
        bench.save("orders", "SELECT 1 AS id")
        bench.transform(mode="append", run_id=run)
    DeltaTable(bench.table("built")).optimize.compact()

    again = bench.transform(mode="append", run_id="r2")

    assert counts(again) == (1, 1, 0)
    assert bench.rows("built", "_run_id", "id") == [("r1", 1), ("r2", 1)]
