"""Reads large texts whole and in blocks on classic Spark, in its own environment: ``blocks_runner.py TEXTS OUTCOMES``.

``TEXTS`` is JSON of texts by a name that says their format first. The outcomes are JSON, by name, of what came of each
text read whole and read in blocks.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_runtime import landed_files, large_texts
from spark_runtime.run import run_node
from spark_runtime.spec import parse_node_spec
from tests.contract.engines.memory_tables import MemoryTables
from tests.contract.engines.runner import open_engine

BLOCK_BYTES = 1 << 18
COLUMNS = (
    {"name": "id", "type": "int", "width": 6},
    {"name": "note", "type": "string", "width": 400},
    {"name": "size", "type": "int", "width": 1},
)


def read(spark: SparkSession, folder: Path, name: str, text: str) -> dict[str, Any]:
    """Return what was published, what was refused and from which lines; ``error`` where nothing was."""
    folder.mkdir()
    format_ = name.partition(" ")[0]
    file = folder / f"large.{format_}"
    file.write_text(text, newline="")
    columns = [
        {key: value for key, value in column.items() if key != "width" or format_ == "fixed"}
        for column in COLUMNS
    ]
    landed = {"uri": f"file://{file}", "etag": "0x1", "size_bytes": file.stat().st_size}
    source = {"kind": "files", "name": "landed", "format": format_, "options": {}, "drift": "freeze"}
    spec = {
        "schema_version": 1,
        "run_id": "run",
        "product": "trust/blocks",
        "node": "node",
        "attempt": 1,
        "kind": "ingest",
        "inputs": [source | {"files": [landed], "columns": columns}],
        "steps": [],
        "rules": [],
        "output": {
            "name": "out",
            "uri": str(folder / "out"),
            "quarantine_uri": str(folder / "refused"),
            "columns": columns,
            "write": {"mode": "append", "keys": []},
        },
        "result_uri": str(folder / "result"),
    }
    tables = MemoryTables(spark)
    result = run_node(spark, parse_node_spec(json.dumps(spec)), tables)
    if result.error is not None:
        return {"error": f"{result.error.code} {result.error.message}"}
    published, _ = tables.collected(str(folder / "out"))
    refused, _ = tables.collected(str(folder / "refused"))
    return {
        "published": sorted([row["id"], row["note"], row["size"]] for row in published),
        "refused": sorted([row["_line"], row["_reason"], row["_row"]] for row in refused),
    }


def main(texts: str, outcomes: str) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = open_engine(None)
    # Where Spark's reader cuts a file; with the default none would be cut that a test can make.
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(BLOCK_BYTES))
    given: dict[str, str] = json.loads(Path(texts).read_text())
    found: dict[str, dict[str, Any]] = {name: {} for name in given}
    with tempfile.TemporaryDirectory() as folder:
        for way in ("whole", "blocks"):
            if way == "blocks":
                large_texts.LARGE_FROM_BYTES = BLOCK_BYTES
                # Whoever now reads one whole is refused.
                landed_files.MAX_FILE_BYTES = BLOCK_BYTES
            for at, (name, text) in enumerate(given.items()):
                found[name][way] = read(spark, Path(folder) / f"{way}{at}", name, text)
    Path(outcomes).write_text(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
