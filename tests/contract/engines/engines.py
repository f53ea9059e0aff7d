"""Starts the engines for the cases: each runs all of them in one process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.contract.engines.catalogue import Case
from tests.loopback import PATIENCE_S, free_port, wait_for_port

ROOT = Path(__file__).parents[3]
CLASSIC_PYTHON = ROOT / ".landfall" / "tools" / "classic-spark" / "bin" / "python"
# Long enough for a machine that does much else at the same time.
TIMEOUT_S = 1500

Outcomes = dict[str, dict[str, Any]]


def classic_python() -> Path | None:
    """Return the Python that has classic Spark, ``None`` where it or Java is missing."""
    return CLASSIC_PYTHON if CLASSIC_PYTHON.exists() and shutil.which("java") is not None else None


def run_on_sail(cases: Sequence[Case], folder: Path) -> Outcomes:
    port = free_port()
    environment = os.environ | {
        "SAIL_RUNTIME__STACK_SIZE": str(64 << 20),
        "TZ": "UTC",
        "RUST_LOG": "error",
    }
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    with (folder / "sail.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for_port(port)
        return _run(Path(sys.executable), cases, folder / "sail", f"sc://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def run_on_classic(cases: Sequence[Case], folder: Path) -> Outcomes:
    return _run(CLASSIC_PYTHON, cases, folder / "classic")


def _run(python: Path, cases: Sequence[Case], folder: Path, *address: str) -> Outcomes:
    folder.mkdir()
    (folder / "cases.json").write_text(json.dumps([case.document for case in cases]))
    environment: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if name not in ("SPARK_HOME", "SPARK_REMOTE")
    } | {"TZ": "UTC", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'spark_runtime' / 'src'}"}
    command = [python, "-m", "tests.contract.engines.runner", folder / "cases.json", folder / "found.json"]
    log = folder / "log"
    with log.open("wb") as output:
        ended = subprocess.run(
            [*map(str, command), *address],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            timeout=TIMEOUT_S,
        )
    assert ended.returncode == 0, log.read_text()[-3000:]
    found = map(json.loads, (folder / "found.json").read_text().splitlines())
    return {item.pop("case"): item for item in found}
