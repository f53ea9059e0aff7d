"""The product that `landfall init` writes runs as it is, and refuses what its sample holds on purpose."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from landfall.planning.select import make_plan
from landfall.spec.load import load_products
from landfall.spec.scaffold import scaffold
from tests.integration.spark_runtime.workbench import Workbench, counts


def build(bench: Workbench, definition: dict[str, Any], sample: Path) -> tuple[int, int, int]:
    """Run one node of a plan and return its rows read, published and quarantined."""
    output = definition["output"]
    inputs: list[dict[str, Any]] = [
        {"kind": "table", "name": item["name"], "uri": bench.table(item["dataset"])}
        for item in definition["inputs"]
    ]
    if definition["kind"] == "ingest":
        file = bench.land(sample.name, sample.read_bytes())
        source = definition["source"]
        inputs = [
            {
                "kind": "files",
                "name": output["dataset"],
                **source,
                "files": [file],
                "columns": definition["columns"],
            }
        ]
    result = bench.run(
        kind=definition["kind"],
        dataset=output["dataset"],
        inputs=inputs,
        steps=definition["steps"],
        rules=definition["rules"],
        columns=output["columns"],
        mode=output["write"]["mode"],
        keys=output["write"]["keys"],
    )
    assert result["status"] == "succeeded", result
    return counts(result)


def test_a_new_product_runs(bench: Workbench, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    scaffold(project, "sales/orders")
    (product,) = load_products(project)
    sample = project / "data_products/sales/orders/samples/orders.csv"

    plan = make_plan(product, metadata_version=1, changed=["orders_landed"], published=[])
    rows = {node.output: build(bench, dict(node.definition), sample) for node in plan.nodes}

    assert rows == {"orders_landed": (12, 9, 3), "orders": (8, 7, 1), "daily_sales": (3, 3, 0)}
    assert [reason for _, reason, _ in bench.quarantined("orders_landed")]
    assert bench.rows("daily_sales", "ordered_on", "orders", "customers", "revenue") == [
        (date(2024, 3, 1), 3, 3, Decimal("144.90")),
        (date(2024, 3, 2), 2, 1, Decimal("57.50")),
        (date(2024, 3, 3), 2, 2, Decimal("79.80")),
    ]
