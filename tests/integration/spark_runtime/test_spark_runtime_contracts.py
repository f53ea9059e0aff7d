"""A run that breaks what a port promises leaves the former version in place, and says so."""

from pathlib import Path
from typing import Any

from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import build_graph
from landfall.spec.load import load_products
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


PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources: [{name: files, type: file, format: csv, options: {header: true}}]
datasets:
  - name: orders
    source: files
    landing: {path: "orders/*.csv"}
    columns: [{name: id, type: int}, {name: code, type: string}, {name: net, type: double}]
  - name: built
    layer: gold
    quality: [{name: no_refunds, check: range, column: net, min: 0}]
transformations:
  - {name: built, inputs: [orders], steps: [{select: [id, code, net]}], output: {dataset: built, layer: gold}}
ports: [{dataset: built, version: 1, contract: built.odcs.yaml}]
"""
CONTRACT = """\
schema:
  - name: built
    quality:
      - {metric: rowCount, mustBeBetween: [1, 3]}
      - {metric: duplicateValues, arguments: {properties: [id, code]}, mustBe: 0}
      - {name: total, type: sql, query: "SELECT sum(b.net) FROM {object} b WHERE b.code <> 'x'", mustBeLessThan: 100}
    properties:
      - name: code
        quality:
          - {metric: missingValues, arguments: {missingValues: [null, "", "it's"]}, mustBeLessThan: 30, unit: percent}
          - {metric: invalidValues, arguments: {validValues: [a, b], pattern: '^[a-z]*$'}, mustBeLessOrEqualTo: 1}
"""


def test_rows_that_break_an_entry_of_a_contract_by_hand_leave_the_former_version(
    bench: Workbench, tmp_path: Path
) -> None:
    folder = tmp_path / "project" / "data_products" / "sales" / "orders"
    folder.mkdir(parents=True)
    (tmp_path / "project" / "landfall.yml").write_text("name: shop\n")
    (folder / "product.yml").write_text(PRODUCT)
    (folder / "built.odcs.yaml").write_text(CONTRACT)
    (product,) = load_products(tmp_path / "project")
    node = build_graph(product).nodes[-1]
    rules = NodeDefinitions(product, {}).of(node)["rules"]

    def build(run_id: str, rows: bytes) -> dict[str, Any]:
        name = f"from_{run_id}"
        bench.ingest(
            "id int; code string; net double",
            bench.land(f"{run_id}.csv", b"id,code,net\n" + rows),
            options={"header": True},
            dataset=name,
        )
        chosen = {"select": ["id", "code", "net"]}
        return bench.transform(chosen, inputs=(name,), rules=rules, run_id=run_id)

    # The row that goes to quarantine is not published, so no entry counts it: it would be the fourth, and its
    # code a second one that is not valid.
    kept = build("r1", b"1,a,2.5\n2,b,\n3,c,1\n4,d,-1\n")
    broken = build("r2", b"1,a,99.5\n1,a,2\n2,c,1\n3,d,1\n4,,1\n5,,1\n")

    assert kept["error"] is None
    assert (kept["rows_published"], kept["rows_quarantined"]) == (3, 1)
    assert broken["error"]["code"] == "LF4521"
    for told in (
        "contract_v1_row_count: count(*) is 6, where at least 1 and at most 3 is expected",
        "contract_v1_duplicate_id_code",
        "contract_v1_total: SUM(net) is 103.5, where less than 100 is expected",
        "contract_v1_missing_code",
        "contract_v1_invalid_code",
    ):
        assert told in broken["error"]["message"]
    assert broken["output"] is None
    assert bench.rows("built", "id") == [(1,), (2,), (3,)]
