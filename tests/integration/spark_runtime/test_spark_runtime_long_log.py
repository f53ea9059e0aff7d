"""The log of a table that was written often is not read to its beginning."""

import json
from pathlib import Path

from spark_runtime.delta import HISTORY_ROWS, DeltaTables
from spark_runtime.tables import Commit
from tests.integration.spark_runtime.workbench import Workbench


def test_a_commit_is_found_among_the_newest_of_many(bench: Workbench) -> None:
    tables, table = DeltaTables(bench.spark, is_sail=True), Path(bench.table("often"))
    tables.overwrite(str(table), bench.spark.range(7).toDF("id"), {"id": "bigint"}, key="first")
    log = table / "_delta_log"
    first = (log / f"{0:020d}.json").read_text().splitlines()
    info = next(json.loads(line)["commitInfo"] for line in first if "commitInfo" in line)
    # Commits of no rows; what lies far back could not even be read.
    for version in range(1, HISTORY_ROWS + 30):
        commit = {
            "commitInfo": info
            | {"userMetadata": f"k{version}", "operationMetrics": {"numOutputRows": version}}
        }
        far = version < 10
        (log / f"{version:020d}.json").write_text('"k5" "commitInfo"' if far else json.dumps(commit) + "\n")
    newest = HISTORY_ROWS + 29

    found = [tables.find_commit(str(table), key) for key in (f"k{newest}", f"k{newest - 3}", "none", "k5")]

    assert found[0] == Commit(newest, newest)
    assert found[1] == Commit(newest - 3, newest - 3)
    assert found[2] == found[3] == Commit(newest, None)
