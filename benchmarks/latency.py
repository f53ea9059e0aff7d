"""How long a landed file waits for its first job: ``python benchmarks/latency.py [FILES]``; 30 by default.

Starts a laptop stack of its own with a product that says nothing of `run`, so with the documented defaults, and lands
small files one at a time, each after the run of the one before has ended. The clock starts before the upload and ends
with the instant at which SQL has the first node as submitted to the Jobs API. One JSON line per file, then quantiles,
with what else a quiet stack owes: the seconds until it is ready, in all and of CPU, and the share of one core that it
uses while nothing lands.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.orchestrating.processes import usage
from landfall.lake import Lake, LandedBlob
from landfall.landing.queries import FileFilter, list_files
from landfall.local import stack
from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout, Ports
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.queries import get_run, run_events
from landfall.runs.states import FINAL_RUN_STATES, NodeState
from landfall.settings import Settings
from landfall.spec.load import load_products

WARM_UP = 3
PATIENCE_S = 60.0
IDLE_S = 60.0
# What a run leaves behind: its orchestrations end, its events are delivered.
TAIL_S = 5.0
PROJECT = "name: latency\ndefault_target: laptop\ntargets:\n  laptop: {}\n"
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: benchmarks, email: benchmarks@contoso.example}
description: One small file a run.
sources:
  - {name: files, type: file, format: csv, options: {header: true}}
datasets:
  - name: orders_landed
    description: Orders as they land.
    source: files
    landing: {path: "orders/*.csv"}
    layer: bronze
    columns:
      - {name: id, type: bigint}
      - {name: amount, type: double}
"""


def main() -> None:
    """Measure and print."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory(prefix="landfall-latency-") as folder:
        project = Path(folder)
        (project / "landfall.yml").write_text(PROJECT)
        spec = project / "data_products" / "sales" / "orders" / "product.yml"
        spec.parent.mkdir(parents=True)
        spec.write_text(PRODUCT)
        began = time.monotonic()
        stack.start(project, ports=Ports.free())
        ready_s, ready_cpu_s = time.monotonic() - began, _cpu_s(project)
        try:
            lake, database = _connected(project)
            waits = [_land_one(lake, database, project, number) for number in range(WARM_UP + files)][
                WARM_UP:
            ]
            idle_percent = _idle_percent(project)
        finally:
            stack.stop(project)
    cuts = quantiles(waits, n=100, method="inclusive")
    figures = {"files": files, "p50_s": cuts[49], "p95_s": cuts[94], "p99_s": cuts[98], "max_s": max(waits)}
    figures |= {"ready_s": ready_s, "ready_cpu_s": ready_cpu_s, "idle_percent_of_a_core": idle_percent}
    figures["load"] = os.getloadavg()[0]
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def _cpu_s(project: Path) -> float:
    """Return the CPU seconds of all processes of the stack so far."""
    info = stack.status(project)
    if info is None:
        raise RuntimeError("the stack does not run")
    return usage(info.supervisor_pid).cpu_s


def _idle_percent(project: Path) -> float:
    time.sleep(TAIL_S)
    before = _cpu_s(project)
    time.sleep(IDLE_S)
    return 100 * (_cpu_s(project) - before) / IDLE_S


def _connected(project: Path) -> tuple[Lake, Database]:
    settings = Settings.from_environment(read_environment(Layout(project).env_file))
    database = Database.connect(settings)
    products = load_products(project)
    apply_products(database, products, actor="benchmark", now=datetime.now(UTC))
    return Lake.connect(settings), database


def _land_one(lake: Lake, database: Database, project: Path, number: int) -> float:
    """Land one file, wait until its run has ended, and return the seconds until its first job was submitted."""
    file = project / f"orders_{number}.csv"
    file.write_text(f"id,amount\n{number},1.5\n")
    before = datetime.now(UTC)
    blob = lake.upload_landing("sales", "orders", f"orders/{file.name}", file)
    run_id = _ended_run(database, blob)
    events = database.read(lambda connection: run_events(connection, run_id))
    submitted = next(event.occurred_at for event in events if event.after == NodeState.SUBMITTED)
    waited_s = (submitted - before).total_seconds()
    print(json.dumps({"file": number, "seconds": round(waited_s, 3)}), flush=True)
    return waited_s


def _ended_run(database: Database, blob: LandedBlob) -> RunID:
    """Return the run that took a file in, once it has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        run_id = database.read(lambda connection: _run_of(connection, blob))
        if run_id is not None:
            return run_id
        time.sleep(0.1)
    raise TimeoutError(f"{blob.url} was not taken in within {PATIENCE_S:.0f} s")


def _run_of(connection: sa.Connection, blob: LandedBlob) -> RunID | None:
    for file in list_files(connection, FileFilter(product="sales/orders"), limit=1).items:
        if file.etag == blob.etag and file.run_id is not None:
            run = get_run(connection, RunID(file.run_id)).run
            return run.run_id if run.state in FINAL_RUN_STATES else None
    return None


if __name__ == "__main__":
    main()
