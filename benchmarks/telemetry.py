"""What telemetry costs a run: ``python benchmarks/telemetry.py [NODES] [ROUNDS]``; 100 nodes, 5 rounds by default.

Drives all activities of a run of no-op nodes in one process, first without telemetry and then with spans and metrics
going to a collector on loopback over OTLP. Database and activities are real; lake and Jobs API answer at once, so what
telemetry adds weighs more here than anywhere else. Then it lands files in a laptop stack, one without telemetry and one
with it, and compares the medians of the times from landing to the end of the run. One JSON line for each.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, cast

from activities.instances import Instances
from activities.nodes import NodeActivities
from activities.runs import RunActivities
from activities.services import Services
from activities.traced import TracedNodeActivities, TracedRunActivities
from landfall.exporting import configure
from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.statement_spans import trace_statements
from landfall.metrics import Metrics
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.work import NodeWork
from landfall.settings import TelemetrySettings
from tests.acceptance.laptop import Laptop
from tests.builders import a_blob_event, a_product, a_transformation
from tests.collector import receiving
from tests.databases import a_database
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import SUCCEEDED
from tests.integration.telemetry.one_run import FakeServices

WARM_UP = 1
# Longer than files settle unless a product says otherwise.
SETTLES_S = 0.3
PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: benchmarks, email: benchmarks@contoso.example}
description: One small file a run, and a table made of it.
sources:
  - {name: files, type: file, format: csv, options: {header: true}}
datasets:
  - {name: landed, source: files, landing: {path: "in/*.csv"}, layer: bronze, columns: [{name: id, type: int}]}
transformations:
  - {name: distinct_ids, inputs: [landed], steps: [{dedupe: {keys: [id]}}], output: {dataset: ids, layer: silver}}
"""


def main() -> None:
    """Measure and print."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with receiving() as collector, tempfile.TemporaryDirectory(prefix="landfall-telemetry-") as folder:
        database = a_database(Path(folder))
        product = a_product(*(a_transformation(f"build_{number:04}") for number in range(nodes)))
        apply_products(database, [product], actor="benchmark", now=datetime.now(UTC))
        without = _rounds(database, rounds, "a", lambda s: (RunActivities(s), NodeActivities(s)))
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        configure(TelemetrySettings.from_environment(), service="landfall-benchmark")
        trace_statements()
        metrics = Metrics()
        traced = _rounds(
            database,
            rounds,
            "b",
            lambda s: (TracedRunActivities(s, metrics), TracedNodeActivities(s, metrics)),
        )
        database.close()
        _print(f"{nodes} no-op nodes, activities alone", without, traced)
        del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
        real = _real_runs(Path(folder) / "without", rounds)
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        _print("one landed file, laptop stack", real, _real_runs(Path(folder) / "traced", rounds))


def _rounds(
    database: Database,
    rounds: int,
    prefix: str,
    activities: Callable[[Services], tuple[RunActivities, NodeActivities]],
) -> list[float]:
    services = FakeServices(database)
    runs, nodes = activities(cast(Services, services))
    names = [RunID(f"{prefix}{number}") for number in range(WARM_UP + rounds)]
    return [asyncio.run(_run(services, runs, nodes, name)) for name in names][WARM_UP:]


async def _run(services: FakeServices, runs: RunActivities, nodes: NodeActivities, run_id: RunID) -> float:
    """Take a run from its file to its end and return the seconds that its activities took."""
    instances = FakeInstances()
    event = a_blob_event(f"sales/orders/orders_landed/{run_id}.csv")
    services.database.transact(lambda connection: take_in(connection, event, now=services.now()))
    await asyncio.sleep(SETTLES_S)
    began = time.perf_counter()
    await runs.open_run({"product": "sales/orders", "run_id": run_id}, cast(Instances, instances))
    await runs.start_run({"run_id": run_id}, cast(Instances, instances))
    done: set[str] = set()
    while waiting := [name for name in instances.alive if "-node-" in name and name not in done]:
        for name in waiting:
            await _drive(services, nodes, instances, instances.alive[name])
            done.add(name)
    closed = await runs.close_run({"run_id": run_id}, cast(Instances, instances))
    if closed["state"] != "succeeded":
        raise RuntimeError(f"the run ended as {closed}")
    return time.perf_counter() - began


async def _drive(
    services: FakeServices, nodes: NodeActivities, instances: FakeInstances, work: dict[str, Any]
) -> None:
    taken = NodeWork.from_payload(work)
    while (answer := nodes.submit_job(work)).get("job_run_id") is None:
        await asyncio.sleep(answer["wait_s"])
    services.jobs.end(answer["job_run_id"], SUCCEEDED)
    look = {"run_id": taken.run_id, "key": NodeKey(taken.key), "expired": False}
    outcome = nodes.check_job({**look, "job_run_id": answer["job_run_id"]})
    await nodes.finish_node({"work": work, "outcome": outcome}, cast(Instances, instances))


def _real_runs(project: Path, rounds: int) -> list[float]:
    project.mkdir()
    laptop = Laptop.start(project, "sales/orders", PRODUCT)
    try:
        return [_real_run(laptop, number) for number in range(WARM_UP + rounds)][WARM_UP:]
    finally:
        laptop.stop()


def _real_run(laptop: Laptop, number: int) -> float:
    began = time.time()
    laptop.upload(f"sales/orders/in/{number}.csv", f"id\n{number}\n".encode())
    ended_at = laptop.ended_run(after=number).run.finished_at
    return ended_at.timestamp() - began if ended_at is not None else 0.0


def _print(what: str, without: list[float], traced: list[float]) -> None:
    figures = {"without_s": median(without), "with_s": median(traced)}
    figures["ratio"] = figures["with_s"] / figures["without_s"]
    line = {"what": what, "rounds": len(without)}
    print(json.dumps(line | {name: round(value, 3) for name, value in figures.items()}), flush=True)


if __name__ == "__main__":
    main()
