"""A run that breaks what a port promises leaves the former version in place, and says so."""

from typing import Any

from tests.integration.spark_runtime.workbench import Workbench

PORT = "sales/orders.built@1"


def promising(columns: dict[str, str | None]) -> dict[str, Any]:
    return {"contracts": [{"port": PORT, "columns": columns}]}


def test_a_table_that_keeps_its_contract_is_published(bench: Workbench) -> None:
    bench.ingest("id int; net double", bench.land("a.csv", b"id,net\n1,2.5\n"), options={"header": True})

    result = bench.transform(
        {"select": ["id", "net * 2 as gross", "net"]}, output=promising({"ID": "int", "gross": None})
    )

    assert result["error"] is None
    assert result["rows_published"] == 1


def test_a_broken_contract_publishes_nothing_and_names_every_promise(bench: Workbench) -> None:
    bench.ingest("id int; net double", bench.land("a.csv", b"id,net\n1,2.5\n"), options={"header": True})
    before = bench.transform({"select": ["id", "net"]})

    result = bench.transform(
        {"select": ["cast(id as string) as id"]},
        run_id="r2",
        output=promising({"id": "int", "net": "double"}),
    )

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4523", "quality_gate")
    assert f"{PORT} promises 'id' as int and it is string" in result["error"]["message"]
    assert f"{PORT} promises a column 'net' that is not there" in result["error"]["message"]
    assert result["output"] is None
    assert bench.rows("built") == [(1, 2.5)]
    assert before["output"]["version"] == 0


def test_a_landed_dataset_keeps_a_contract_that_was_written_by_hand(bench: Workbench) -> None:
    result = bench.ingest(
        "id int",
        bench.land("a.csv", b"id\n1\n"),
        options={"header": True},
        output=promising({"id": "bigint"}),
    )

    assert result["error"]["code"] == "LF4523"
