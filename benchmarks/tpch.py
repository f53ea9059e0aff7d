"""The 22 questions of TPC-H as one product on the laptop's engine: ``python benchmarks/tpch.py [SCALE]``; 1 by default.

Lands the eight tables as Parquet, builds every node as a job would, and holds each answer against DuckDB's own. One
JSON line per node with its seconds, then a summary; ends with an error if an answer differs.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from landfall.local.spark_engine import spark_engine  # noqa: E402
from spark_runtime.session import SETTINGS  # noqa: E402
from tests.integration.spark_runtime.workbench import Workbench  # noqa: E402
from tests.integration.tpch.answers import assert_same_rows, build  # noqa: E402
from tests.integration.tpch.generated import QUESTIONS, Tpch, load_nodes  # noqa: E402


def main(scale: float) -> None:
    tpch = Tpch(scale, ROOT / ".landfall" / "cache" / f"tpch-{scale:g}")
    seconds: dict[str, float] = {}
    with spark_engine() as address, tempfile.TemporaryDirectory() as folder:
        spark = SparkSession.builder.remote(address).create()
        for key, value in SETTINGS.items():
            spark.conf.set(key, value)
        bench = Workbench(spark, Path(folder))
        for item in load_nodes():
            started = time.perf_counter()
            result = build(bench, tpch, item)
            seconds[item.dataset] = round(time.perf_counter() - started, 2)
            assert result["error"] is None, f"{item.dataset}: {result['error']}"
            rows = result["rows_published"]
            print(json.dumps({"dataset": item.dataset, "rows": rows, "seconds": seconds[item.dataset]}))
        for question in QUESTIONS:
            assert_same_rows(bench.rows(question), tpch.answer(question))
        spark.stop()
    asked = sum(seconds[question] for question in QUESTIONS)
    landed = sum(seconds.values()) - asked
    print(
        f"scale {scale:g}: 22 of 22 answers equal; tables landed in {landed:.0f} s, answered in {asked:.0f} s"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
