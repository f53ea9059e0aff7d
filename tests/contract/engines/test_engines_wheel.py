"""The wheel, run as Databricks runs a wheel task: where nothing but the wheel and pyspark is installed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from landfall.local.jobs_server.requests import arguments_of
from tests.contract.engines.engines import CLASSIC_PYTHON, ROOT, classic_python

pytestmark = [
    pytest.mark.xdist_group("classic-spark"),
    pytest.mark.skipif(
        classic_python() is None, reason="no classic Spark here: make classic-spark (needs Java 17)"
    ),
]

# What the platform does with a wheel task: find the entry point by its name in the package's metadata and call it.
PLATFORM = """
import sys
from importlib.metadata import distribution
package, arguments = sys.argv[1], sys.argv[2:]
(entry,) = [point for point in distribution(package).entry_points if point.name == "run"]
sys.argv = [package, *arguments]
assert entry.load()() is None
assert not [name for name in sys.modules if name.split(".")[0] in ("landfall", "sqlglot", "pydantic")]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
    built = subprocess.run(
        [*command, "-w", str(folder), str(ROOT / "spark_runtime")], capture_output=True, text=True
    )
    if built.returncode != 0 and "Could not find a version" in built.stderr:
        pytest.skip("the build backend cannot be fetched here")
    assert built.returncode == 0, built.stderr[-2000:]
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as an installer leaves it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_task(
    installed: Path, folder: Path, named_parameters: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    (folder / "wheel_task.py").write_text(PLATFORM)
    arguments = arguments_of({"named_parameters": named_parameters})
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "JAVA_HOME", "TMPDIR")
    }
    environment = kept | {
        "PYTHONPATH": str(installed),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(CLASSIC_PYTHON),
    }
    command = [str(CLASSIC_PYTHON), str(folder / "wheel_task.py"), "spark_runtime", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def a_spec(folder: Path, **changed: object) -> str:
    output = {
        "name": "out",
        "uri": str(folder / "out"),
        "quarantine_uri": str(folder / "refused"),
        "columns": [],
        "write": {"mode": "overwrite", "keys": []},
    }
    spec = {
        "schema_version": 1,
        "run_id": "r1",
        "product": "sales/orders",
        "node": "noop",
        "attempt": 1,
        "kind": "noop",
        "inputs": [],
        "steps": [],
        "rules": [],
        "output": output,
        "result_uri": str(folder / "result"),
    }
    (folder / "spec.json").write_text(json.dumps(spec | changed))
    return str(folder / "spec.json")


def test_a_wheel_task_reads_its_spec_and_writes_its_result(installed: Path, tmp_path: Path) -> None:
    done = run_task(installed, tmp_path, {"spec-uri": a_spec(tmp_path)})

    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = (tmp_path / "result").glob("part-*")
    assert json.loads(file.read_text())["status"] == "succeeded"


def test_a_wheel_task_that_fails_raises(installed: Path, tmp_path: Path) -> None:
    gone = [{"kind": "table", "name": "orders", "uri": str(tmp_path / "nowhere")}]

    done = run_task(installed, tmp_path, {"spec-uri": a_spec(tmp_path, kind="transform", inputs=gone)})

    assert done.returncode == 1
    # There is no Delta here at all, so any table is missing; what counts is that the last line tells the fault.
    assert done.stderr.strip().splitlines()[-1].startswith("spark_runtime.main.NodeFailed: LF45")
    (file,) = (tmp_path / "result").glob("part-*")
    assert json.loads(file.read_text())["status"] == "failed"


def test_the_wheel_is_pure_python_and_needs_nothing(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        assert "Requires-Dist" not in archive.read(metadata).decode()
    assert "spark_runtime/schemas/node_spec.schema.json" in names
