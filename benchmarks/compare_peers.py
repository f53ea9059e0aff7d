"""What other orchestrators spend on the graph of benchmarks/orchestration.py: ``python benchmarks/compare_peers.py``.

Installs Airflow, Prefect and Dagster from PyPI, each in an environment of its own below ``--environments``, gives each
the same layered graph of tasks that do nothing, and the same graph to Landfall, once with a job run for each node and
once packed. Prints the CPU of all processes per node as a Markdown table with versions and settings; wall time depends
on what else the machine does, CPU much less. Every wait is bounded (``--patience``, for each peer), and whatever was
started is ended. A peer that fails is reported, and the others are measured; the exit status is 1 then.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from benchmarks.orchestrating.graphs import Upstreams  # noqa: E402
from benchmarks.orchestrating.measuring import measure as measure_landfall  # noqa: E402
from benchmarks.orchestration import SEED, graph_of  # noqa: E402
from benchmarks.peers import airflow_drive, dagster_drive, prefect_drive, reporting  # noqa: E402
from benchmarks.peers.programs import PeerFailed, Spent  # noqa: E402

PEERS = {"dagster": dagster_drive, "prefect": prefect_drive, "apache-airflow": airflow_drive}
OURS = {
    "landfall": "a job run for each node",
    "landfall-packed": "nodes share job runs",
}
OUR_STACK = (
    "; storage emulator, its events, jobs server and function host running, state in SQLite and storage"
)
PATIENCE_S = 1_500.0


def main() -> None:
    """Install, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    everybody = [*OURS, *PEERS]
    parser.add_argument("peers", nargs="*", metavar="PEER", default=everybody, help=", ".join(everybody))
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--patience", type=float, default=PATIENCE_S, metavar="SECONDS", help="for each peer")
    parser.add_argument("--environments", type=Path, default=ROOT / ".landfall" / "tools" / "peers")
    parser.add_argument("--name", help="of the files below benchmarks/results; none are written without")
    options = parser.parse_args()
    unknown = sorted(set(options.peers) - set(everybody))
    if unknown:
        parser.error(f"there is no peer {', '.join(unknown)}; say {', '.join(everybody)}")
    # So that what was started is ended when this is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    upstreams = graph_of(f"layered-{options.nodes}")
    lines, failed = [], []
    for peer in options.peers:
        print(f"{peer}: {options.nodes} nodes", file=sys.stderr, flush=True)
        try:
            lines.append(_measured(peer, upstreams, options.environments, options.patience))
        except PeerFailed as fault:
            failed.append(peer)
            print(f"{peer}: {fault}", file=sys.stderr, flush=True)
            continue
        print(f"{peer}: {lines[-1]['cpu_ms_per_node']} ms CPU per node", file=sys.stderr, flush=True)
        if options.name:
            reporting.write(lines, ROOT / "benchmarks" / "results" / f"{options.name}.jsonl")
    print(reporting.table(lines), end="")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _measured(peer: str, upstreams: Upstreams, environments: Path, patience_s: float) -> dict[str, Any]:
    machine = reports.machine()
    if peer in OURS:
        try:
            result = measure_landfall(peer, [upstreams], packed=peer == "landfall-packed")
        except AssertionError as error:
            raise PeerFailed(str(error)) from error
        spent = Spent(sum(result.cpu_s.values()), result.wall_s)
        version, settings = machine["commit"], OURS[peer] + OUR_STACK
    else:
        driver = PEERS[peer]
        python = _environment(environments / peer, peer)
        run: Callable[..., Spent] = driver.measure
        with tempfile.TemporaryDirectory(prefix="landfall-peers-") as folder:
            spent = run(python, upstreams, Path(folder), patience_s=patience_s)
        version, settings = _version(python, peer), driver.SETTINGS
    return {
        "peer": peer,
        "version": version,
        "settings": settings,
        "nodes": len(upstreams),
        "cpu_ms_per_node": round(1000 * spent.cpu_s / len(upstreams), 1),
        "idle_cores": round(spent.idle_cores, 3),
        "wall_s": round(spent.wall_s, 1),
        "seed": SEED,
        "machine": machine,
    }


def _environment(folder: Path, peer: str) -> Path:
    """Return the interpreter of a peer's environment, with the peer in it."""
    python, complete = folder / "bin" / "python", folder / ".complete"
    if not complete.exists():
        print(f"installing {peer}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", peer], check=True)
        complete.touch()
    return python


def _version(python: Path, peer: str) -> str:
    command = [str(python), "-c", f"import importlib.metadata as m; print(m.version({peer!r}))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
