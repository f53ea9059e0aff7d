"""Incremental runs and a replay among them, on the whole stack: the tables are those of loading everything at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from landfall.runs.states import FileState
from tests.acceptance.laptop import Laptop

pytestmark = pytest.mark.stack

PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-data, email: sales-data@contoso.example}
description: Orders of the shop.
sources:
  - {name: shop, type: file, format: csv, options: {header: true}}
  - {name: stock_tables, type: file, format: delta}
datasets:
  - name: orders_landed
    source: shop
    landing: {path: "orders/*.csv"}
    layer: bronze
    columns:
      - {name: id, type: int, nullable: false}
      - {name: amount, type: int, nullable: false}
  - name: stock_landed
    source: stock_tables
    landing: {path: stock}
    layer: bronze
    columns:
      - {name: id, type: int, nullable: false}
      - {name: amount, type: int}
transformations:
  - name: build_stock
    inputs: [stock_landed]
    load: incremental
    steps: [{select: [id, amount]}]
    output: {dataset: stock, layer: silver, write: {mode: append}}
  - name: build_added
    inputs: [orders_landed]
    load: incremental
    steps: [{select: [id, amount]}]
    output: {dataset: added, layer: silver, write: {mode: append}}
  - name: build_newest
    inputs: [orders_landed]
    load: incremental
    steps: [{select: [id, amount]}]
    output: {dataset: newest, layer: silver, write: {mode: merge, keys: [id]}}
run: {settle: 100ms, retries: 0}
"""
FILES = {
    "1.csv": b"id,amount\n1,10\n2,20\n",
    "2.csv": b"id,amount\n3,30\n",
    "3.csv": b"id,amount\n4,40\n5,50\n",
}
ALL = [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50)]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("incremental"), "sales/orders", PRODUCT)
    yield laptop
    laptop.stop()


def test_a_replay_between_incremental_runs_changes_no_table(laptop: Laptop) -> None:
    first = _land(laptop, "1.csv")
    second = _land(laptop, "2.csv")
    assert (_read(first), _read(second)) == (
        {"build_added": 2, "build_newest": 2},
        {"build_added": 1, "build_newest": 1},
    )
    before = _tables(laptop)
    assert before == {"added": ALL[:3], "newest": ALL[:3]}

    laptop.succeed("runs", "replay", first.run.run_id, "--timeout", "240")
    replay = laptop.last_run()

    assert (replay.run.trigger, replay.run.state) == ("replay", "succeeded")
    assert _tables(laptop) == before

    third = _land(laptop, "3.csv")

    assert third.run.state == "succeeded"
    assert _tables(laptop) == {"added": ALL, "newest": ALL}
    # After the replay the input is one that was only added to, so only what is new is read.
    assert _read(third) == {"build_added": 2, "build_newest": 2}

    laptop.succeed("run", "sales/orders", "--full", "--wait", "--timeout", "240")
    assert _tables(laptop) == {"added": ALL, "newest": ALL}


def test_a_delta_table_lands_commit_by_commit(laptop: Laptop, tmp_path: Path) -> None:
    table = tmp_path / "stock"
    write_deltalake(table, a_stock([1, None], [10, 5]))
    before = len(laptop.runs())
    laptop.succeed("land", "sales/orders", "stock_landed", str(table))
    first = laptop.ended_run(after=before)
    landed = {path for path in table.rglob("*") if path.is_file()}
    assert _stock(laptop) == [(1, 10)]
    write_deltalake(table, a_stock([2, 3], [20, None]), mode="append")

    for path in sorted({path for path in table.rglob("*") if path.is_file()} - landed, key=_commits_last):
        laptop.upload(f"sales/orders/stock/{path.relative_to(table).as_posix()}", path.read_bytes())
    second = laptop.ended_run(after=before + 1)

    assert _stock(laptop) == [(1, 10), (2, 20), (3, None)]
    assert [(detail.run.state, _read(detail)) for detail in (first, second)] == [
        ("succeeded", {"build_stock": 1}),
        ("succeeded", {"build_stock": 2}),
    ]
    (ingest,) = [node for node in first.nodes if node.rows_quarantined]
    assert (ingest.rows_read, ingest.rows_published, ingest.rows_quarantined) == (2, 1, 1)
    held = laptop.rows("quarantine/sales/orders/stock_landed")
    assert [(row["_rules"], row["_source_file"].rpartition("/")[2]) for row in held] == [
        (["not_null:id"], "00000000000000000000.json")
    ]
    assert [laptop.file(f"sales/orders/stock/_delta_log/{number:020}.json").state for number in (0, 1)] == [
        FileState.DONE,
        FileState.DONE,
    ]


def a_stock(ids: list[int | None], amounts: list[int | None]) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int32()), "amount": pa.array(amounts, pa.int32())})


def _commits_last(path: Path) -> tuple[bool, Path]:
    return path.parent.name == "_delta_log", path


def _stock(laptop: Laptop) -> list[tuple[int, int | None]]:
    return sorted((row["id"], row["amount"]) for row in laptop.rows("sales/orders/silver/stock"))


def _land(laptop: Laptop, name: str) -> Any:
    before = len(laptop.runs())
    laptop.upload(f"sales/orders/orders/{name}", FILES[name])
    detail = laptop.ended_run(after=before)
    assert detail.run.state == "succeeded", [(node.key, node.state, node.reason) for node in detail.nodes]
    return detail


def _read(detail: Any) -> dict[str, int]:
    """Return how many rows each transformation of a run has read."""
    return {node.key: node.rows_read for node in detail.nodes if node.key.startswith("build_")}


def _tables(laptop: Laptop) -> dict[str, list[tuple[int, int]]]:
    return {
        name: sorted((row["id"], row["amount"]) for row in laptop.rows(f"sales/orders/silver/{name}"))
        for name in ("added", "newest")
    }
