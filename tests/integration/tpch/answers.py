"""Builds the nodes of the TPC-H product, and holds what they found against what DuckDB found."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench
from tests.integration.tpch.generated import Tpch, TpchNode

# DuckDB computes averages and ratios in doubles, Spark in decimals of at least six digits behind the point.
TOLERANCE = 1e-6


def build(bench: Workbench, tpch: Tpch, item: TpchNode) -> dict[str, Any]:
    """Run the job of one node on the spec that its plan gives."""
    return bench.run(**job_of(bench, tpch, item))


def job_of(bench: Workbench, tpch: Tpch, item: TpchNode) -> dict[str, Any]:
    """Return what a workbench has to run for one node."""
    definition = item.definition
    output = definition["output"]
    if definition["kind"] == "ingest":
        file = tpch.file(output["dataset"])
        inputs: list[dict[str, Any]] = [
            {
                "kind": "files",
                "name": output["dataset"],
                "format": definition["source"]["format"],
                "options": definition["source"]["options"],
                "files": [{"uri": f"file://{file}", "etag": "0x1", "size_bytes": file.stat().st_size}],
                "columns": definition["columns"],
            }
        ]
    else:
        names = [item["name"] for item in definition["inputs"]]
        inputs = [{"kind": "table", "name": name, "uri": bench.table(name)} for name in names]
    return {
        "kind": definition["kind"],
        "dataset": output["dataset"],
        "inputs": inputs,
        "steps": definition["steps"],
        "rules": definition["rules"],
        "columns": output["columns"],
        "mode": output["write"]["mode"],
    }


def assert_same_rows(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected)
    # A table has no order; numbers that may differ in their last digits are no good to sort by.
    for ours, theirs in zip(sorted(found, key=_key), sorted(expected, key=_key), strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            if isinstance(other, float):
                assert float(mine) == pytest.approx(other, rel=TOLERANCE, abs=TOLERANCE)
            else:
                assert _plain(mine) == _plain(other)


def _key(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(
        f"{float(value):020.2f}" if isinstance(value, float | Decimal) else str(value) for value in row
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
