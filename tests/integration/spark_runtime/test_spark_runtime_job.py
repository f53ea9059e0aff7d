"""The job as Databricks starts it: a process with an entry point, a spec at an address, storage of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from landfall.local import azurite
from spark_runtime.main import run_spec
from tests.integration.spark_runtime.workbench import Workbench, columns_of, counts, read_result, rule
from tests.loopback import PATIENCE_S, Emulator, wait_for_port

RUNNER = """
import sys
from importlib.metadata import entry_points
(found,) = entry_points(group="console_scripts", name="run")
assert found.dist.name == "spark_runtime"
sys.argv = ["spark_runtime", *sys.argv[1:]]
found.load()()
"""


def start_job(folder: Path, engine: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Start the entry point the way a wheel task is started, in a process of its own."""
    runner = folder / "runner.py"
    runner.write_text(RUNNER)
    return subprocess.run(
        [sys.executable, runner, *arguments],
        env=os.environ | {"SPARK_REMOTE": engine},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def a_spec(bench: Workbench, **more: Any) -> dict[str, Any]:
    file = bench.land("a.csv", b"id\n1\nx\n")
    columns = columns_of("id int")
    return {
        "schema_version": 1,
        "run_id": "r1",
        "product": "sales/orders",
        "node": "ingest.orders",
        "attempt": 1,
        "kind": "ingest",
        "inputs": [
            {
                "kind": "files",
                "name": "orders",
                "format": "csv",
                "options": {},
                "files": [file],
                "columns": columns,
            }
        ],
        "steps": [],
        "rules": [],
        "output": {
            "name": "orders",
            "uri": bench.table("orders"),
            "quarantine_uri": bench.table("quarantine/orders"),
            "columns": columns,
            "write": {"mode": "append", "keys": []},
        },
        "result_uri": str(bench.folder / "result"),
    } | more


def test_the_entry_point_returns_on_success_and_raises_on_failure(bench: Workbench, engine: str) -> None:
    (bench.folder / "good.json").write_text(json.dumps(a_spec(bench)))
    gate = [rule("never", "expression", "fail", expression="id < 0")]
    (bench.folder / "bad.json").write_text(
        json.dumps(a_spec(bench, rules=gate, result_uri=str(bench.folder / "failed")))
    )

    good = start_job(bench.folder, engine, f"--spec-uri={bench.folder}/good.json")
    bad = start_job(bench.folder, engine, f"--spec-uri={bench.folder}/bad.json")

    assert good.returncode == 0, good.stderr
    assert "published 1 rows to orders (version 1), quarantined 1" in good.stdout
    assert counts(read_result(bench.folder / "result")) == (2, 1, 1)
    assert bad.returncode == 1
    assert "NodeFailed: LF4521 (quality_gate): orders: never refused 1 of 1 rows" in bad.stderr
    assert read_result(bench.folder / "failed")["error"]["kind"] == "quality_gate"


def test_the_wheel_names_its_entry_point() -> None:
    found = [
        point
        for point in entry_points(group="console_scripts", name="run")
        if point.value.startswith("spark_")
    ]

    assert [(point.value, point.dist and point.dist.name) for point in found] == [
        ("spark_runtime.main:run", "spark_runtime")
    ]


@pytest.fixture
def emulator(tmp_path: Path, azurite_port: int) -> Iterator[Emulator]:
    """Azurite where the engine expects it."""
    try:
        command = azurite.command(tmp_path, port=azurite_port, data=tmp_path / "azurite")
    except azurite.AzuriteNotInstalled as error:
        pytest.skip(f"Azurite is not installed: {error}")
    with (tmp_path / "access.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(azurite_port)
        yield Emulator(azurite_port, tmp_path / "access.log")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.mark.stack
def test_a_node_in_the_storage_of_the_laptop(
    spark: SparkSession, emulator: Emulator, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = f"{azurite.ACCOUNT}.dfs.core.windows.net"
    landing, lake, control = (
        f"abfss://{name}@{account}/sales/orders" for name in ("landing", "lake", "control")
    )
    spec = a_spec(bench, result_uri=f"{control}/r1/ingest.orders/1/result")
    spec["output"] |= {"uri": f"{lake}/bronze/orders", "quarantine_uri": f"{lake}/quarantine/orders"}
    content = b"id\n1\nx\n3\n"
    # One that is too large to be held whole, and one whose name engines take for a pattern.
    files = {"a.csv": content + b"\n\n", "b c%.csv": content}
    monkeypatch.setattr("spark_runtime.landed_files.MAX_FILE_BYTES", len(content))
    monkeypatch.setattr("spark_runtime.large_texts.LARGE_FROM_BYTES", len(content) + 1)
    monkeypatch.setattr("spark_runtime.large_texts.BLOCK_BYTES", 4)
    spec["inputs"][0]["files"] = [
        {"uri": f"{landing}/{name}", "etag": "0x1", "size_bytes": len(each)} for name, each in files.items()
    ]
    with emulator.service() as service:
        for container in ("landing", "lake", "control"):
            service.create_container(container)
        for name, each in files.items():
            service.get_blob_client("landing", f"sales/orders/{name}").upload_blob(each)
        service.get_blob_client("control", "sales/orders/spec.json").upload_blob(json.dumps(spec).encode())

        results = [run_spec(spark, f"{control}/spec.json")[0] for _ in range(2)]

        (result,) = [
            blob.name
            for blob in service.get_container_client("control").list_blobs(
                "sales/orders/r1/ingest.orders/1/result/"
            )
            if not blob.name.rpartition("/")[2].startswith("_")
        ]
        document = json.loads(service.get_blob_client("control", result).download_blob().readall())
        staged = list(service.get_container_client("lake").list_blobs("sales/orders/bronze/_staging/"))

    assert counts(document) == (6, 4, 2)
    assert [each.output and each.output.version for each in results] == [1, 2]
    rows = spark.read.format("delta").load(f"{lake}/bronze/orders")
    assert sorted(row[0] for row in rows.select("id").collect()) == [1, 1, 3, 3]
    assert {row[0] for row in rows.select("_source_file").collect()} == {
        file["uri"] for file in spec["inputs"][0]["files"]
    }
    assert sum(blob.size for blob in staged) < 4000, "the staged rows were removed"
