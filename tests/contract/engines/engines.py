"""Starts the engines for the cases: each runs all of them in one process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landfall.local.services import SPARK_ENVIRONMENT
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
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    with (folder / "sail.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | SPARK_ENVIRONMENT)
    try:
        wait_for_port(port)
        return _run(Path(sys.executable), cases, folder / "sail", f"sc://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def run_on_classic(cases: Sequence[Case], folder: Path) -> Outcomes:
    return _run(CLASSIC_PYTHON, cases, folder / "classic")


def run_blocks_on_classic(texts: Mapping[str, str], folder: Path) -> Outcomes:
    """Return what came of texts that were read whole and in blocks; see ``blocks_runner``."""
    given, found = folder / "texts.json", folder / "found.json"
    given.write_text(json.dumps(texts))
    _run_within(CLASSIC_PYTHON, "blocks_runner", folder, str(given), str(found))
    outcomes: Outcomes = json.loads(found.read_text())
    return outcomes


def _run(python: Path, cases: Sequence[Case], folder: Path, *address: str) -> Outcomes:
    folder.mkdir()
    given, found = folder / "cases.json", folder / "found.json"
    given.write_text(json.dumps([case.document for case in cases]))
    _run_within(python, "runner", folder, str(given), str(found), *address)
    outcomes = map(json.loads, found.read_text().splitlines())
    return {item.pop("case"): item for item in outcomes}


def _run_within(python: Path, module: str, folder: Path, *arguments: str) -> None:
    """Run a module beside this one in the environment of an engine."""
    environment: Mapping[str, str] = {
        # Also without the marks that Spark Connect leaves in the environment once a test has used it.
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SPARK_")
    } | {"TZ": "UTC", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'spark_runtime' / 'src'}"}
    log = folder / "log"
    with log.open("wb") as output:
        ended = subprocess.run(
            [str(python), "-m", f"tests.contract.engines.{module}", *arguments],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            timeout=TIMEOUT_S,
        )
    assert ended.returncode == 0, log.read_text()[-3000:]
