"""What other orchestrators spend on the graph of benchmarks/orchestration.py: ``python benchmarks/compare_peers.py``.

Installs Airflow, Prefect and Dagster from PyPI, each in an environment of its own below ``--environments``, gives each
the same layered graph of tasks that do nothing, and prints the CPU of all their processes per node as a Markdown table
with versions and settings. Start-up is taken out: of Dagster and Prefect, which are one program, a run with one node is
subtracted; of Airflow, whose processes go on, CPU is counted from the trigger to the end of the run.
"""

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from benchmarks.orchestration import SEED, graph_of  # noqa: E402

PEERS = Path(__file__).with_name("peers")
SETTINGS = {
    "dagster": "in-process executor; runs and events in SQLite; no daemon, no web server",
    "prefect": "thread pool; the temporary server it starts by itself, SQLite",
    "apache-airflow": "LocalExecutor, parallelism 16, SQLite; scheduler, DAG processor and API server running",
}
PATIENCE_S = 3600.0
_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Spent:
    cpu_s: float
    wall_s: float


def main() -> None:
    """Install, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peers", nargs="*", default=list(SETTINGS), help=", ".join(SETTINGS))
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--environments", type=Path, default=ROOT / ".landfall" / "tools" / "peers")
    parser.add_argument("--name", help="of the file below benchmarks/results; none is written without")
    options = parser.parse_args()
    # What a program leaves behind is ours to wait for, and its CPU with it.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    lines = []
    for peer in options.peers:
        python = _environment(options.environments / peer, peer)
        with tempfile.TemporaryDirectory(prefix="landfall-peers-") as folder:
            spent = _measure(peer, python, options.nodes, Path(folder))
        lines.append(
            {
                "peer": peer,
                "version": _version(python, peer),
                "settings": SETTINGS[peer],
                "nodes": options.nodes,
                "cpu_ms_per_node": round(1000 * spent.cpu_s / options.nodes, 1),
                "wall_s": round(spent.wall_s, 1),
                "seed": SEED,
                "machine": reports.machine(),
            }
        )
        print(f"{peer}: {lines[-1]['cpu_ms_per_node']} ms CPU per node", file=sys.stderr)
    print(_table(lines), end="")
    if options.name:
        file = ROOT / "benchmarks" / "results" / f"{options.name}.jsonl"
        file.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
        where = lines[0]["machine"]
        file.with_suffix(".md").write_text(
            f"# Other orchestrators, the same graph\n\n{where['cores']} cores of {where['cpu']}, load "
            f"{where['load']}, Python {where['python']}; commit {where['commit']}, seed {SEED}.\n\n{_table(lines)}"
        )


def _measure(peer: str, python: Path, nodes: int, folder: Path) -> Spent:
    file = folder / "graph.json"
    if peer == "apache-airflow":
        file.write_text(json.dumps(graph_of(f"layered-{nodes}")))
        return _airflow(python, file, folder)
    program = PEERS / f"in_{peer}.py"
    spent = []
    # One to warm up (databases, compiled modules), one without a graph to speak of, one with all of it.
    for upstreams in ([[]], [[]], graph_of(f"layered-{nodes}")):
        file.write_text(json.dumps(upstreams))
        spent.append(_run([str(python), str(program), str(file)], folder))
    return Spent(spent[2].cpu_s - spent[1].cpu_s, spent[2].wall_s - spent[1].wall_s)


def _run(command: list[str], folder: Path) -> Spent:
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PREFECT_HOME": str(folder),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        "DO_NOT_TRACK": "1",
    }
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (folder / "program.log").open("a") as log:
        done = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
    wall_s = time.monotonic() - started
    _wait_for_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit((folder / "program.log").read_text()[-3000:])
    return Spent(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s)


def _wait_for_orphans() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _airflow(python: Path, graph: Path, folder: Path) -> Spent:
    dags = folder / "dags"
    dags.mkdir()
    (dags / "graph.py").write_text((PEERS / "in_airflow.py").read_text())
    database = folder / "airflow.db"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "LANDFALL_PEERS_GRAPH": str(graph),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
    }
    command = [str(python), str(PEERS / "airflow_stack.py"), str(python.parent), str(database)]
    done = subprocess.run(
        [*command, str(PATIENCE_S)], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    _wait_for_orphans()
    if done.returncode:
        sys.exit(Path(f"{database}.log").read_text()[-3000:])
    figures = json.loads(done.stdout.splitlines()[-1])
    if figures["state"] != "success":
        sys.exit(f"airflow: the run ended as {figures['state']}")
    return Spent(figures["cpu_s"], figures["wall_s"])


def _environment(folder: Path, peer: str) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {peer}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", peer, "psutil"], check=True)
    return python


def _version(python: Path, peer: str) -> str:
    command = [str(python), "-c", f"import importlib.metadata as m; print(m.version({peer!r}))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _table(lines: list[dict[str, object]]) -> str:
    head = ["orchestrator", "nodes", "CPU ms/node", "wall s", "settings"]
    rows = [head, ["---"] * len(head)]
    rows += [
        [
            f"{line['peer']} {line['version']}",
            str(line["nodes"]),
            str(line["cpu_ms_per_node"]),
            str(line["wall_s"]),
            str(line["settings"]),
        ]
        for line in lines
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
