"""Runs cases on one engine in one process: ``runner.py CASES OUTCOMES [ADDRESS]``, classic Spark without an address.

It runs in the engine's own environment, which holds pyspark and pyarrow and nothing else of this project.
"""

import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import StructField, StructType

from spark_runtime.delta import DeltaTables
from spark_runtime.failures import describe_failure
from spark_runtime.frame import types_of
from spark_runtime.run import run_node
from spark_runtime.session import SETTINGS
from spark_runtime.spec import parse_node_spec
from spark_runtime.tables import Tables
from tests.contract.engines import outcome
from tests.contract.engines.memory_tables import MemoryTables

# So many expressions are worked out by one node.
BATCH = 25
# An answer of the engine that gets lost is no verdict: a job would be tried again too.
ATTEMPTS = 3
LOST = ("LF4561 engine", "LF4562 engine")
RUNTIME_COLUMNS = ("_ingested_at", "_source_file")
# A few rows are sent to one task; the interpreter is quicker than compiling a class for each of many plans.
CLASSIC = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone=UTC",
    "spark.default.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.parquet.compression.codec": "uncompressed",
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine, and a folder for files.

    Attributes:
        has_delta: Whether cases about writes get Delta tables.
    """

    spark: SparkSession
    folder: Path
    has_delta: bool

    def run_all(self, cases: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each case's id and outcome; expressions over one table are tried together first."""
        number = 0
        for batch in _batches(cases):
            number += 1
            together = self._together(number, batch) if len(batch) > 1 else None
            if together is not None:
                yield from together.items()
                continue
            for case in batch:
                for _ in range(ATTEMPTS):
                    number += 1
                    found = self.run(number, case)
                    if found.get("error") not in LOST:
                        break
                yield case["id"], found

    def run(self, number: int, case: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outcome of one case."""
        started = time.perf_counter()
        place = self.folder / str(number)
        is_delta = self.has_delta and case["delta"]
        tables: Tables = DeltaTables(self.spark, is_sail=True) if is_delta else MemoryTables(self.spark)
        try:
            found = self._nodes(case, place, tables)
        except PySparkException as error:
            failure = describe_failure(error)
            found = {"error": f"{failure.code} {failure.kind}", "message": failure.message}
        except (ValueError, ArithmeticError) as error:
            # The value is there and Python cannot hold it, a date of the year 0 for example.
            found = {"error": f"{type(error).__name__} of the client", "message": str(error)}
        return found | {"seconds": round(time.perf_counter() - started, 3)}

    def _together(self, number: int, batch: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]] | None:
        """Return the outcomes of expressions that were computed by one node, ``None`` if one of them fails."""
        started = time.perf_counter()
        first = batch[0]["nodes"][0]
        chosen = [first["steps"][0]["config"][0]]
        for at, case in enumerate(batch):
            chosen.append(case["nodes"][0]["steps"][0]["config"][1].removesuffix(" AS x") + f" AS x{at}")
        place = self.folder / str(number)
        tables = MemoryTables(self.spark)
        try:
            steps = [{"type": "select", "config": chosen}]
            verdict = self._node(first | {"steps": steps}, place, tables, 0, {})
            if "error" in verdict:
                return None
            rows, schema = tables.collected(str(place / "out"))
        except (PySparkException, ValueError, ArithmeticError):
            return None
        seconds = round((time.perf_counter() - started) / len(batch), 3)
        found = {}
        for at, case in enumerate(batch):
            fields = [schema.fields[0], StructField("x", schema.fields[at + 1].dataType)]
            single = [Row(**{fields[0].name: row[0], "x": row[at + 1]}) for row in rows]
            found[case["id"]] = verdict | outcome.table(single, StructType(fields)) | {"seconds": seconds}
        return found

    def _nodes(self, case: Mapping[str, Any], place: Path, tables: Tables) -> dict[str, Any]:
        found: dict[str, Any] = {}
        built_from: dict[str, dict[str, Any]] = {}
        for at, node in enumerate(case["nodes"]):
            found = self._node(node, place, tables, at, built_from)
            if "error" in found:
                return found
        found |= outcome.table(*_rows(tables, str(place / "out")), without=RUNTIME_COLUMNS)
        if found["rows"][2] or any(node["act"] for node in case["nodes"]):
            rows, _ = _rows(tables, str(place / "refused"))
            found["refused"] = outcome.refused(rows)
        return found

    def _node(
        self,
        node: Mapping[str, Any],
        place: Path,
        tables: Tables,
        at: int,
        built_from: dict[str, dict[str, Any]],
    ) -> dict[str, Any]:
        """Run one node of a case.

        Args:
            built_from: What incremental nodes last built from, by their table; this one's is noted there.
        """
        for name, query in node["inputs"].items():
            self._put(tables, str(place / name), query)
        spec = self._spec(node, place, at)
        for name in node["reads"]:
            newest = tables.find_commit(str(place / name), "none")
            version = None if newest is None else newest.version
            spec["inputs"].append(
                {"kind": "table", "name": name, "uri": str(place / name), "version": version}
            )
        if node["load"] is not None:
            since = built_from.get(node["to"])
            spec["load"] = {"since": since, "reason": "nothing was built before"} | node["load"]
        result = run_node(self.spark, parse_node_spec(json.dumps(spec)), tables)
        found = outcome.verdict(result)
        state = result.inputs[0].state if result.inputs else None
        if result.error is None and state is not None:
            built_from[node["to"]] = {"version": state.version, "stamp": state.stamp}
        return found if result.error is None else found | {"message": result.error.message}

    def _put(self, tables: Tables, uri: str, query: str) -> None:
        rows = self.spark.sql(query)
        if isinstance(tables, MemoryTables):
            tables.put(uri, rows)
        else:
            tables.overwrite(uri, rows, types_of(rows), key="given")

    def _spec(self, node: Mapping[str, Any], place: Path, at: int) -> dict[str, Any]:
        inputs: list[dict[str, Any]] = [
            {"kind": "table", "name": name, "uri": str(place / name)} for name in node["inputs"]
        ]
        if node["ingests"]:
            inputs.append(
                {
                    "kind": "files",
                    "name": "landed",
                    "format": node["format"],
                    "options": node["options"],
                    "drift": node["drift"],
                    "files": [self._land(place / f"landing{at}", file) for file in node["files"]],
                    "columns": node["columns"],
                }
            )
        return {
            "schema_version": 1,
            "run_id": node["run"],
            "product": "trust/engines",
            "node": "node",
            "attempt": node["attempt"],
            "kind": "ingest" if node["ingests"] else "transform",
            "inputs": inputs,
            "steps": node["steps"],
            "rules": node["rules"],
            "output": {
                "name": node["to"],
                "uri": str(place / node["to"]),
                "quarantine_uri": str(place / "refused"),
                "columns": node["columns"],
                "write": node["write"],
            }
            | node["output"],
            "run_date": node["run_date"],
            "former_rows": node["former_rows"],
            "quarantine": node["act"],
            "result_uri": str(place / "result"),
        }

    def _land(self, folder: Path, file: Mapping[str, Any]) -> dict[str, Any]:
        content = base64.b64decode(file["base64"])
        path = folder / file["name"]
        for name, text in {file["name"]: file["base64"], **file.get("beside", {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(base64.b64decode(text))
        return {"uri": f"file://{path}", "etag": "0x1", "size_bytes": len(content)}


def _rows(tables: Tables, uri: str) -> tuple[Sequence[Row], StructType]:
    if isinstance(tables, MemoryTables):
        return tables.collected(uri)
    df = tables.read(uri)
    return df.collect(), df.schema


def _batches(cases: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Put expressions over the same table that are expected to succeed together, and leave the others alone."""
    batch: list[Mapping[str, Any]] = []
    for case in cases:
        is_like = bool(batch) and case["table"] == batch[0]["table"] and len(batch) < BATCH
        if batch and not (is_like and case["table"]):
            yield batch
            batch = []
        batch.append(case)
    if batch:
        yield batch


def open_engine(address: str | None) -> SparkSession:
    """Return a session of Sail at an address, or of Spark within this process."""
    if address is not None:
        return SparkSession.builder.remote(address).create()
    builder = SparkSession.builder.master("local[2]")
    for key, value in (CLASSIC | SETTINGS).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def main(cases: str, outcomes: str, address: str | None = None) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = open_engine(address)
    for key, value in SETTINGS.items():
        spark.conf.set(key, value)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(spark, Path(folder), has_delta=address is not None)
        loaded = json.loads(Path(cases).read_text())
        with Path(outcomes).open("w") as file:
            for name, found in bench.run_all(loaded):
                # Line by line, so that what is known survives an engine that goes away.
                file.write(json.dumps({"case": name} | found) + "\n")
                file.flush()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
