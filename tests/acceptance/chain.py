"""A product whose nodes form a chain that takes long enough to be disturbed, and what must be true of it after."""

from tests.acceptance.laptop import Laptop

PRODUCT_KEY = "sales/chain"
HEAD = """\
api_version: landfall/v1
domain: sales
name: chain
owner: {team: sales-data, email: sales-data@contoso.example}
description: A chain of nodes that takes long enough to be disturbed.
sources:
  - {name: shop, type: file, format: csv, options: {header: true}}
datasets:
  - name: t0
    source: shop
    landing: {path: "in/*.csv"}
    layer: bronze
    columns: [{name: id, type: int, nullable: false}]
run: {settle: 100ms, retries: 3}
transformations:
"""
LENGTH = 8
SLOW_NODE = 6
SLOW_FILE = {
    "slow.py": """import time


def a_while(rows):
    time.sleep(2)
    return rows
"""
}


def _node(index: int) -> str:
    slow = "{python: {function: 'slow:a_while', columns: {id: int}}}, " if index == SLOW_NODE else ""
    return (
        f"  - {{name: build_t{index}, inputs: [t{index - 1}], "
        f"steps: [{slow}{{select: [id]}}, {{dedupe: {{keys: [id]}}}}], output: {{dataset: t{index}, layer: silver}}}}\n"
    )


PRODUCT = HEAD + "".join(_node(index) for index in range(1, LENGTH + 1))


def land_and_reach_the_middle(laptop: Laptop, number: int) -> int:
    """Land one file with one new id, and return the number of runs before it once its run is half done."""
    before = len(laptop.runs())
    laptop.upload(f"sales/chain/in/{number}.csv", f"id\n{number}\n".encode())
    laptop.wait_for(
        lambda: len(laptop.runs()) > before and laptop.runs()[0].open_nodes <= LENGTH - 1,
        "the middle of the run",
    )
    return before


def check_run(laptop: Laptop, before: int, number: int) -> None:
    detail = laptop.ended_run(after=before)
    assert detail.run.state == "succeeded", [
        (node.key, node.error_code, node.reason) for node in detail.nodes
    ]
    assert {node.state for node in detail.nodes} == {"succeeded"}
    assert laptop.file(f"{number}.csv").state == "done"
    for table in ("bronze/t0", f"silver/t{LENGTH}"):
        ids = [row["id"] for row in laptop.rows(f"sales/chain/{table}")]
        assert ids.count(number) == 1, (table, sorted(ids))
