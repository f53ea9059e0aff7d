"""One product with a job run for each node and one with shared ones, on the whole stack: the same comes of both."""

from collections.abc import Iterator
from typing import Any

import pytest

from landfall.runs.queries import RunDetail
from tests.acceptance.laptop import Laptop

pytestmark = pytest.mark.stack

PRODUCT = """\
api_version: landfall/v1
domain: sales
name: {name}
owner: {{team: sales-data, email: sales-data@contoso.example}}
sources:
  - {{name: shop, type: file, format: csv, options: {{header: true}}}}
datasets:
  - name: orders_landed
    source: shop
    landing: {{path: "orders/*.csv"}}
    layer: bronze
    columns:
      - {{name: id, type: int, nullable: false}}
      - {{name: customer, type: string}}
      - {{name: amount, type: int}}
    quality:
      - {{name: amount_sane, check: range, column: amount, min: 0}}
transformations:
  - name: build_orders
    inputs: [orders_landed]
    load: incremental
    steps: [{{select: [id, customer, amount]}}]
    output: {{dataset: orders, layer: silver, write: {{mode: merge, keys: [id]}}}}
  - name: build_totals
    inputs: [orders]
    steps:
      - aggregate: {{by: [customer], measures: {{amount: sum(amount), orders: count(*)}}}}
    output: {{dataset: totals, layer: gold}}
  - name: build_odd
    inputs: [orders]
    steps: [{{derive: {{inverse: "1 / (amount - 10)"}}}}]
    output: {{dataset: odd, layer: silver}}
  - name: build_on_odd
    inputs: [odd]
    steps: [{{select: [id]}}]
    output: {{dataset: on_odd, layer: gold}}
run: {{settle: 100ms, retries: 0, on_failure: continue}}
execution: {{mode: {mode}}}
"""
FILES = {
    "1.csv": b"id,customer,amount\n1,ann,20\n2,ben,-1\n3,ann,30\nx,ben,40\n",
    "2.csv": b"id,customer,amount\n3,ann,31\n4,ben,10\n",
}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    project = tmp_path_factory.mktemp("packed")
    laptop = Laptop.start(project, "sales/single", PRODUCT.format(name="single", mode="single"))
    file = project / "data_products" / "sales" / "packed" / "product.yml"
    file.parent.mkdir(parents=True)
    file.write_text(PRODUCT.format(name="packed", mode="packed"))
    laptop.succeed("apply")
    yield laptop
    laptop.stop()


def test_both_ways_of_execution_leave_the_same_states_and_tables(laptop: Laptop) -> None:
    for name, last in (("1.csv", "succeeded"), ("2.csv", "failed")):
        single, packed = (_land(laptop, product, name) for product in ("single", "packed"))

        assert _states(packed) == _states(single)
        assert _states(packed)["build_odd"][0] == last
        assert _tables(laptop, "packed") == _tables(laptop, "single")
        assert len(set(_job_runs(single))) == len(_job_runs(single)) >= 4
        assert len(set(_job_runs(packed))) == 1

    assert _tables(laptop, "packed")["totals"] == [("ann", 51, 2), ("ben", 10, 1)]
    assert _tables(laptop, "packed")["on_odd"] == [(1,), (3,)]


def _land(laptop: Laptop, product: str, name: str) -> RunDetail:
    before = len(laptop.runs())
    laptop.upload(f"sales/{product}/orders/{name}", FILES[name])
    return laptop.ended_run(after=before)


def _states(detail: RunDetail) -> dict[str, tuple[Any, ...]]:
    return {
        node.key: (node.state, node.rows_read, node.rows_published, node.rows_quarantined)
        for node in detail.nodes
    }


def _job_runs(detail: RunDetail) -> list[int]:
    return [node.job_run_id for node in detail.nodes if node.job_run_id is not None]


def _tables(laptop: Laptop, product: str) -> dict[str, list[tuple[Any, ...]]]:
    columns = {
        f"sales/{product}/bronze/orders_landed": ("id", "customer", "amount"),
        f"sales/{product}/silver/orders": ("id", "customer", "amount"),
        f"sales/{product}/gold/totals": ("customer", "amount", "orders"),
        f"sales/{product}/silver/odd": ("id", "inverse"),
        f"sales/{product}/gold/on_odd": ("id",),
        f"quarantine/sales/{product}/orders_landed": ("_row", "_rules"),
    }
    return {
        table.rpartition("/")[2] + (" refused" if table.startswith("quarantine") else ""): sorted(
            tuple(str(row[name]) if name.startswith("_") else row[name] for name in names)
            for row in laptop.rows(table)
        )
        for table, names in columns.items()
    }
