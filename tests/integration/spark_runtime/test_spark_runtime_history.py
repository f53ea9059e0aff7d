"""Keyed writes with an order: late, repeated and deleted rows, in whatever portions they come."""

from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts

ROWS = "SELECT * FROM VALUES {} AS t(id, at, name, op)"


def bring(bench: Workbench, values: str, mode: str, run: str = "r1", **write: Any) -> dict[str, Any]:
    """Make rows the input and write them."""
    bench.save("orders", ROWS.format(values))
    result = bench.transform(mode=mode, run_id=run, write={"keys": ["id"], "order_by": "at", **write})
    assert result["error"] is None, result["error"]
    return result


@pytest.mark.parametrize("mode", ["merge", "scd1"])
def test_an_older_row_never_overwrites_a_newer(bench: Workbench, mode: str) -> None:
    bring(bench, "(1, 5, 'new', 'U'), (1, 3, 'old', 'U'), (2, 1, 'two', 'U')", mode)
    bring(bench, "(1, 4, 'late', 'U'), (2, 2, 'two again', 'U')", mode)

    assert bench.rows("built") == [(1, 5, "new", "U"), (2, 2, "two again", "U")]


def test_of_rows_of_one_moment_the_same_wins_in_any_order(bench: Workbench) -> None:
    bring(bench, "(1, 5, 'a', 'U'), (2, 5, 'z', 'U')", "scd1")
    bring(bench, "(1, 5, 'z', 'U'), (2, 5, 'a', 'U')", "scd1")

    assert bench.rows("built", "id", "name") == [(1, "z"), (2, "z")]


def test_a_deleted_row_does_not_come_back_with_a_late_one(bench: Workbench) -> None:
    delete = {"delete_when": "op = 'D'"}
    bring(
        bench, "(1, 5, 'one', 'U'), (2, 5, 'two', 'U'), (3, 9, 'gone before it came', 'D')", "merge", **delete
    )
    bring(bench, "(1, 8, 'one', 'D')", "merge", **delete)
    bring(bench, "(1, 7, 'late', 'U'), (3, 8, 'late', 'U')", "merge", **delete)
    assert bench.rows("built", "id") == [(2,)]

    bring(bench, "(1, 9, 'born again', 'U')", "merge", **delete)

    assert bench.rows("built", "id", "name") == [(1, "born again"), (2, "two")]


def test_a_merge_without_an_order_takes_the_last_write(bench: Workbench) -> None:
    bench.save("orders", ROWS.format("(1, 5, 'a', 'U'), (2, 5, 'b', 'U')"))
    bench.transform(mode="merge", keys=["id"])
    bench.save("orders", ROWS.format("(1, 4, 'older', 'U'), (2, 6, 'b', 'D'), (3, 1, 'c', 'D')"))

    bench.transform(mode="merge", keys=["id"], write={"delete_when": "op = 'D'"})

    assert bench.rows("built", "id", "name") == [(1, "older")]


def test_a_row_without_a_moment_is_refused(bench: Workbench) -> None:
    result = bring(bench, "(1, NULL, 'when?', 'U'), (2, 1, 'two', 'U')", "scd1")

    assert counts(result) == (2, 1, 1)
    assert [row[0] for row in bench.quarantined("built")] == [["not_null:at"]]


def test_versions_hold_until_the_next_change(bench: Workbench) -> None:
    bring(bench, "(1, 1, 'a', 'U'), (1, 4, 'b', 'U'), (1, 4, 'b', 'U'), (1, 6, 'b', 'U')", "scd2")

    assert bench.rows("built", "name", "valid_from", "valid_to", "is_current") == [
        ("a", 1, 4, False),
        ("b", 4, None, True),
    ]


def test_a_late_change_divides_the_version_it_falls_into(bench: Workbench) -> None:
    bring(bench, "(1, 1, 'a', 'U'), (1, 3, 'a', 'U')", "scd2")
    bring(bench, "(1, 9, 'c', 'D')", "scd2", delete_when="op = 'D'")

    # Between two rows that said the same: the later of them is a change again.
    bring(bench, "(1, 2, 'b', 'U')", "scd2", delete_when="op = 'D'")

    assert bench.rows("built", "name", "valid_from", "valid_to", "is_current") == [
        ("a", 1, 2, False),
        ("a", 3, 9, False),
        ("b", 2, 3, False),
    ]


def test_a_change_that_turns_out_to_be_none_goes(bench: Workbench) -> None:
    bring(bench, "(1, 1, 'a', 'U'), (1, 5, 'b', 'U')", "scd2")
    bring(bench, "(1, 3, 'b', 'U')", "scd2")

    assert bench.rows("built", "name", "valid_from", "valid_to") == [("a", 1, 3), ("b", 3, None)]


def test_columns_of_the_period_have_the_names_that_were_asked_for(bench: Workbench) -> None:
    names = {"valid_from": "since", "valid_to": "until", "is_current": "now"}
    result = bring(bench, "(1, 1, 'a', 'U')", "scd2", **names)

    assert [column["name"] for column in result["output"]["columns"]][-3:] == ["since", "until", "now"]
    bench.save("orders", "SELECT 1 AS id, 1 AS at, 2 AS since")
    refused = bench.transform(mode="scd2", dataset="other", write={"keys": ["id"], "order_by": "at", **names})
    assert refused["error"]["code"] == "LF4504"


def test_nested_values_and_nulls_are_compared(bench: Workbench) -> None:
    query = "SELECT * FROM VALUES {} AS t(id, at, tags, place)"  # id may be null, and is a key then
    bench.save(
        "orders", query.format("(CAST(NULL AS int), 1, array('x'), named_struct('a', CAST(NULL AS int)))")
    )
    write = {"keys": ["id"], "order_by": "at"}
    bench.transform(mode="scd2", write=write)
    bench.save(
        "orders",
        query.format(
            "(CAST(NULL AS int), 2, array('x'), named_struct('a', CAST(NULL AS int))), "
            "(CAST(NULL AS int), 3, array('x'), named_struct('a', 1))"
        ),
    )

    result = bench.transform(mode="scd2", write=write, run_id="r2")

    assert result["error"] is None, result["error"]
    assert bench.rows("built", "valid_from", "valid_to") == [(1, 3), (3, None)]


def test_a_repeated_write_changes_nothing(bench: Workbench) -> None:
    rows = "(1, 1, 'a', 'U'), (1, 4, 'b', 'U'), (2, 4, 'b', 'D')"
    bring(bench, rows, "scd2", delete_when="op = 'D'")
    before = bench.rows("built")

    for run in ("r1", "r2"):
        bring(bench, rows, "scd2", run, delete_when="op = 'D'")

    assert bench.rows("built") == before
