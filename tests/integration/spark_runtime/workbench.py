"""A lake in a folder, and the one call that builds a node in it."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from pyspark.sql import SparkSession

import spark_runtime
from spark_runtime.main import NodeFailed, run_spec


@dataclass
class Workbench:
    """Lands files, runs nodes as a job does, and reads what came of it.

    Attributes:
        folder: Everything lies below it.
    """

    spark: SparkSession
    folder: Path
    _results: int = field(default=0)

    def land(self, name: str, content: bytes) -> dict[str, Any]:
        """Write a file and return its entry in a node spec."""
        path = self.folder / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"uri": f"file://{path}", "etag": "0x1", "size_bytes": len(content)}

    def table(self, dataset: str) -> str:
        return str(self.folder / "lake" / dataset)

    def ingest(
        self,
        columns: str,
        *files: Mapping[str, Any],
        dataset: str = "orders",
        format: str = "csv",  # noqa: A002 - the spec's own word
        options: Mapping[str, Any] | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        drift: str = "quarantine",
        **more: Any,
    ) -> dict[str, Any]:
        """Run an ingest node and return its result document."""
        declared = columns_of(columns)
        source = {
            "kind": "files",
            "name": dataset,
            "format": format,
            "options": dict(options or {}),
            "files": list(files),
            "columns": declared,
            "drift": drift,
        }
        return self.run(
            kind="ingest",
            inputs=[source],
            rules=rules,
            columns=declared,
            dataset=dataset,
            mode="append",
            **more,
        )

    def transform(
        self,
        *steps: Mapping[str, Any],
        inputs: Sequence[str] = ("orders",),
        versions: Mapping[str, int | None] | None = None,
        dataset: str = "built",
        columns: str = "",
        mode: str = "overwrite",
        **more: Any,
    ) -> dict[str, Any]:
        """Run a transform node over tables of this workbench; a step is ``{type: config}``."""
        return self.run(
            kind="transform",
            inputs=[
                {
                    "kind": "table",
                    "name": name,
                    "uri": self.table(name),
                    "version": (versions or {}).get(name),
                }
                for name in inputs
            ],
            steps=[{"type": kind, "config": config} for step in steps for kind, config in step.items()],
            columns=columns_of(columns),
            dataset=dataset,
            mode=mode,
            **more,
        )

    def run(self, **node: Any) -> dict[str, Any]:
        """Write a node spec, run the job's entry point on it and return the result document it wrote.

        Args:
            node: As ``spec`` takes it.
        """
        spec = self.spec(**node)
        schema_of("node_spec").validate(spec)
        result = Path(spec["result_uri"])
        result.parent.mkdir(parents=True)
        (result.parent / "spec.json").write_text(json.dumps(spec))
        # The result document says why, and that is what the tests look at.
        with contextlib.suppress(NodeFailed):
            run_spec(self.spark, str(result.parent / "spec.json"))
        return read_result(result)

    def spec(
        self,
        *,
        kind: str,
        dataset: str = "orders",
        run_id: str = "r1",
        attempt: int = 1,
        inputs: Sequence[Mapping[str, Any]] = (),
        steps: Sequence[Mapping[str, Any]] = (),
        rules: Sequence[Mapping[str, Any]] = (),
        columns: Sequence[Mapping[str, Any]] = (),
        mode: str = "append",
        keys: Sequence[str] = (),
        write: Mapping[str, Any] | None = None,
        output: Mapping[str, Any] | None = None,
        run_date: str = "2024-03-01",
        former_rows: Sequence[int] = (),
        max_quarantined_share: float | None = None,
        load: Mapping[str, Any] | None = None,
        quarantine: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return a node spec over this lake, its result at an address of its own."""
        self._results += 1
        control = self.folder / "control" / str(self._results)
        return {
            "schema_version": 1,
            "run_id": run_id,
            "product": "sales/orders",
            "node": f"{kind}.{dataset}",
            "attempt": attempt,
            "kind": kind,
            "inputs": list(inputs),
            "steps": list(steps),
            "rules": list(rules),
            "output": {
                "name": dataset,
                "uri": self.table(dataset),
                "quarantine_uri": self.table(f"quarantine/{dataset}"),
                "columns": list(columns),
                "write": {"mode": mode, "keys": list(keys), **(write or {})},
                "max_quarantined_share": max_quarantined_share,
                **(output or {}),
            },
            "run_date": run_date,
            "former_rows": list(former_rows),
            "load": load,
            "quarantine": quarantine,
            "result_uri": str(control / "result"),
        }

    def rows(self, dataset: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table, sorted by their text."""
        df = self.spark.read.format("delta").load(self.table(dataset))
        chosen = df.selectExpr(*columns) if columns else df
        return sorted((tuple(row) for row in chosen.collect()), key=str)

    def epochs(self, dataset: str, column: str) -> list[float]:
        """Return the instants of a timestamp column as seconds since 1970, which no time zone can shift."""
        df = self.spark.read.format("delta").load(self.table(dataset)).where(f"{column} IS NOT NULL")
        return sorted(row[0] / 1e6 for row in df.selectExpr(f"unix_micros({column})").collect())

    def quarantined(self, dataset: str = "orders") -> list[tuple[list[str], str, str]]:
        """Return rules, reason and row of everything quarantined, sorted by row."""
        rows = self.rows(f"quarantine/{dataset}", "_rules", "_reason", "_row")
        return sorted(rows, key=lambda row: str(row[2]))

    def refused_lines(self, dataset: str = "orders") -> list[tuple[int | None, str]]:
        """Return line and reason of everything quarantined, by line."""
        rows = self.rows(f"quarantine/{dataset}", "_line", "_reason")
        return sorted(((row[0], row[1]) for row in rows), key=lambda row: (row[0] or 0, row[1]))

    def save(self, dataset: str, query: str) -> None:
        """Make the rows of a query a table."""
        writer = self.spark.sql(query).write.format("delta").mode("overwrite")
        writer.option("overwriteSchema", "true").save(self.table(dataset))


def columns_of(text: str) -> list[dict[str, Any]]:
    """Return declared columns from ``id int not null; name string``; ``| width=8`` adds what files say otherwise."""
    columns: list[dict[str, Any]] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        written, _, more = part.partition("|")
        declared, _, _ = written.partition(" not null")
        name, kind = declared.split(maxsplit=1)
        columns.append({"name": name, "type": kind.strip(), "nullable": "not null" not in written})
        for key, _, value in (item.strip().partition("=") for item in more.split(",") if item):
            columns[-1][key] = int(value) if key in ("start", "width") else value
    return columns


def read_result(folder: Path) -> dict[str, Any]:
    """Return the document in the one text file that a job writes as its result."""
    (file,) = [path for path in folder.iterdir() if not path.name.startswith(("_", "."))]
    document: dict[str, Any] = json.loads(file.read_text())
    schema_of("node_result").validate(document)
    return document


def schema_of(name: str) -> Draft202012Validator:
    folder = Path(spark_runtime.__file__).parent / "schemas"
    return Draft202012Validator(json.loads((folder / f"{name}.schema.json").read_text()))


def rule(
    name: str,
    check: str,
    severity: str = "quarantine",
    filter: str | None = None,  # noqa: A002 - the spec's own word
    **config: Any,
) -> dict[str, Any]:
    limits = {key: config.pop(key) for key in ("max_failed_rows", "max_failed_share") if key in config}
    return {"name": name, "check": check, "severity": severity, "config": config, "filter": filter, **limits}


def counts(result: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return rows read, published and quarantined."""
    return result["rows_read"], result["rows_published"], result["rows_quarantined"]


def rule_counts(result: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {item["name"]: (item["rows_checked"], item["rows_failed"]) for item in result["rules"]}
