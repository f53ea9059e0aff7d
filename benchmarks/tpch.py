"""The 22 questions of TPC-H as one product: ``python benchmarks/tpch.py [--classic] [SCALE]``; scale 1 by default.

Lands the eight tables as Parquet, builds every node as a job would, and holds each answer against DuckDB's own. One
JSON line per node with its seconds, then a summary; ends with an error if an answer differs. On the laptop's engine, or
on classic Spark, which has no Delta here: its tables are Parquet files.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classic import PYTHON, ParquetTables, children, cpu_seconds, open_classic, run_within
from pyspark.sql import SparkSession

from spark_runtime.delta import DeltaTables
from spark_runtime.run import run_node
from spark_runtime.session import SETTINGS
from spark_runtime.spec import parse_node_spec
from spark_runtime.tables import Tables

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def main(scale: float, *, on_classic: bool) -> None:
    """Write the specs of all nodes, have them run, and compare what the tables hold."""
    import duckdb
    from deltalake import DeltaTable

    from tests.integration.spark_runtime.workbench import Workbench
    from tests.integration.tpch.answers import assert_same_rows, job_of
    from tests.integration.tpch.generated import QUESTIONS, Tpch, load_nodes

    tpch = Tpch(scale, ROOT / ".landfall" / "cache" / f"tpch-{scale:g}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Nothing runs on this workbench: it says what the nodes are.
        bench = Workbench(None, folder)  # type: ignore[arg-type]
        specs = [bench.spec(**job_of(bench, tpch, item)) for item in load_nodes()]
        (folder / "specs.json").write_text(json.dumps(specs))
        if on_classic:
            run_within(Path(__file__), "--within", str(folder))
        else:
            run_on_sail(folder)
        seconds = json.loads((folder / "seconds.json").read_text())
        for question in QUESTIONS:
            uri = bench.table(question)
            files = [f"{uri}/*.parquet"] if on_classic else DeltaTable(uri).file_uris()
            rows = duckdb.sql(f"SELECT * FROM read_parquet({files})").fetchall() if files else []
            assert_same_rows(rows, tpch.answer(question))
    asked = [sum(seconds[question][at] for question in QUESTIONS) for at in (0, 1)]
    landed = [sum(took[at] for took in seconds.values()) - asked[at] for at in (0, 1)]
    print(
        f"scale {scale:g}: 22 of 22 answers equal; tables landed in {landed[0]:.0f} s ({landed[1]:.0f} s of "
        f"processors), answered in {asked[0]:.0f} s ({asked[1]:.0f} s)"
    )


def run_on_sail(folder: Path) -> None:
    from landfall.local.spark_engine import spark_engine

    with spark_engine() as address:
        spark = SparkSession.builder.remote(address).create()
        for key, value in SETTINGS.items():
            spark.conf.set(key, value)
        run_all(spark, DeltaTables(spark, is_sail=True), folder)
        spark.stop()


def run_on_classic(folder: Path) -> None:
    spark = open_classic(folder)
    run_all(spark, ParquetTables(spark), folder)
    spark.stop()


def run_all(spark: SparkSession, tables: Tables, folder: Path) -> None:
    """Run the nodes whose specs lie in a folder, and write there what each took, of the clock and of processors."""
    specs: list[dict[str, Any]] = json.loads((folder / "specs.json").read_text())
    seconds = dict(_run(spark, tables, specs))
    (folder / "seconds.json").write_text(json.dumps(seconds))


def _run(
    spark: SparkSession, tables: Tables, specs: list[dict[str, Any]]
) -> Iterator[tuple[str, tuple[float, float]]]:
    for spec in specs:
        name = spec["output"]["name"]
        started, cpu = time.perf_counter(), cpu_seconds(children(os.getpid()))
        result = run_node(spark, parse_node_spec(json.dumps(spec)), tables)
        took = (time.perf_counter() - started, cpu_seconds(children(os.getpid())) - cpu)
        assert result.error is None, f"{name}: {result.error}"
        line = {"dataset": name, "rows": result.rows_published, "seconds": round(took[0], 2)}
        print(json.dumps(line | {"cpu_seconds": round(took[1], 2)}), flush=True)
        yield name, took


if __name__ == "__main__":
    if "--within" in sys.argv and Path(sys.executable) == PYTHON:
        run_on_classic(Path(sys.argv[-1]))
    else:
        scales = [word for word in sys.argv[1:] if not word.startswith("--")]
        main(float(scales[0]) if scales else 1.0, on_classic="--classic" in sys.argv)
