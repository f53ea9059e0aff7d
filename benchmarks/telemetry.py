"""What telemetry costs a run: ``python benchmarks/telemetry.py [NODES] [ROUNDS]``; 100 nodes, 5 rounds by default.

Drives all activities of a run of no-op nodes in one process, first without telemetry and then with spans and metrics
going over OTLP to a collector on loopback, a process of its own. Database and activities are real; lake and Jobs API
answer at once, so what telemetry adds weighs more here than anywhere else. Then it runs the example product in two
laptop stacks by turns, one without telemetry and one with it. Compared are medians of processor seconds: of this
process, then of the services of each stack. One JSON line for each.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, cast

import psutil

_ROOT = Path(__file__).parents[1]
# The collector and what drives a stack belong to the tests.
sys.path.insert(0, str(_ROOT))

from activities.instances import Instances  # noqa: E402
from activities.nodes import NodeActivities  # noqa: E402
from activities.runs import RunActivities  # noqa: E402
from activities.services import Services  # noqa: E402
from activities.traced import TracedNodeActivities, TracedRunActivities  # noqa: E402
from landfall.exporting import configure  # noqa: E402
from landfall.landing.intake import take_in  # noqa: E402
from landfall.local import stack  # noqa: E402
from landfall.local.layout import Ports  # noqa: E402
from landfall.metadata.apply import apply_products  # noqa: E402
from landfall.metadata.engine import Database  # noqa: E402
from landfall.metadata.statement_spans import trace_statements  # noqa: E402
from landfall.metrics import Metrics  # noqa: E402
from landfall.planning.plan import NodeKey  # noqa: E402
from landfall.runs.ids import RunID  # noqa: E402
from landfall.runs.work import NodeWork  # noqa: E402
from landfall.settings import TelemetrySettings  # noqa: E402
from tests.acceptance.laptop import Laptop  # noqa: E402
from tests.builders import a_blob_event, a_product, a_transformation  # noqa: E402
from tests.databases import a_database  # noqa: E402
from tests.fakes.instances import FakeInstances  # noqa: E402
from tests.fakes.jobs import SUCCEEDED  # noqa: E402
from tests.integration.telemetry.one_run import FakeServices  # noqa: E402

WARM_UP = 1
# Longer than files settle unless a product says otherwise.
SETTLES_S = 0.3
# Spans are sent once a second.
_SENT_S = 3.0
# What stands in for Azure and Databricks' compute, and has no telemetry of ours.
_NOT_OURS = frozenset({"azurite CPU s"})


def main() -> None:
    """Measure and print."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with _collector() as url, tempfile.TemporaryDirectory(prefix="landfall-telemetry-") as folder:
        database = a_database(Path(folder))
        product = a_product(*(a_transformation(f"build_{number:04}") for number in range(nodes)))
        apply_products(database, [product], actor="benchmark", now=datetime.now(UTC))
        without = _rounds(database, rounds, "a", lambda s: (RunActivities(s), NodeActivities(s)))
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
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
        _real_runs(Path(folder), rounds, url)


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
    """Take a run from its file to its end and return the processor seconds that its activities took."""
    instances = FakeInstances()
    event = a_blob_event(f"sales/orders/orders_landed/{run_id}.csv")
    services.database.transact(lambda connection: take_in(connection, event, now=services.now()))
    await asyncio.sleep(SETTLES_S)
    began = time.process_time()
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
    return time.process_time() - began


async def _drive(
    services: FakeServices, nodes: NodeActivities, instances: FakeInstances, work: dict[str, Any]
) -> None:
    taken = NodeWork.from_payload(work)
    while (answer := nodes.submit_job(work)).get("job_run_id") is None:
        await asyncio.sleep(answer["wait_s"])
    services.jobs.end(answer["job_run_id"], SUCCEEDED)
    look: dict[str, Any] = {"run_id": taken.run_id, "key": NodeKey(taken.key), "expired": False}
    look |= {"attempt": taken.attempt, "job_run_id": answer["job_run_id"]}
    await nodes.check_job(look, cast(Instances, instances))


@contextmanager
def _collector() -> Iterator[str]:
    """Be a collector in a process of its own, so that what it does is no part of what is measured; yield its URL."""
    program = (
        "from tests.collector import receiving\nimport sys\n"
        "with receiving() as r:\n    print(r.url, flush=True)\n    sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as child:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        assert child.stdin is not None
        child.stdin.close()


def _real_runs(folder: Path, rounds: int, url: str) -> None:
    """Run the example product in two stacks by turns, one of them telling a collector, and print what they cost."""
    with ExitStack() as stacks:
        laptops = []
        for name, endpoint in (("without", None), ("traced", url)):
            os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
            if endpoint is not None:
                os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
            laptops.append(_example(folder / name))
            stacks.callback(laptops[-1].run, "down")
        os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
        measured: list[list[Counter[str]]] = [[], []]
        for number in range(WARM_UP + rounds):
            # First one, then the other goes first: what a machine does beside them falls on both.
            for which in (0, 1) if number % 2 else (1, 0):
                cost = _example_run(laptops[which])
                if number >= WARM_UP:
                    measured[which].append(cost)
    without, traced = measured
    for service in sorted(set(without[0]) | set(traced[0])):
        before, after = ([float(cost[service]) for cost in costs] for costs in (without, traced))
        _print(f"example product, {service}", before, after)


def _example(project: Path) -> Laptop:
    """Start a stack for a copy of the example product."""
    shutil.copytree(_ROOT / "data_products", project / "data_products")
    shutil.copy(_ROOT / "landfall.yml", project)
    laptop = Laptop(project, Ports.free())
    laptop.up()
    return laptop


def _example_run(laptop: Laptop) -> Counter[str]:
    """Run the example and return the processor seconds of each service of the stack, and of all of them.

    The window reaches past the end of the run until its spans were sent; who lands the files is no part of it.
    """
    before, began = _processor_s(laptop), time.perf_counter()
    laptop.succeed("demo", "--keep")
    ended = time.perf_counter()
    time.sleep(_SENT_S)
    spent = _processor_s(laptop)
    spent.subtract(before)
    total = sum(spent.values())
    own = sum(value for service, value in spent.items() if service not in _NOT_OURS)
    return Counter({**spent, "all CPU s": total, "Landfall's own CPU s": own, "wall s": ended - began})


def _processor_s(laptop: Laptop) -> Counter[str]:
    """Return the processor seconds that each service and its children have used so far."""
    running = stack.status(laptop.project)
    assert running is not None
    return Counter(
        {
            f"{info.name} CPU s": sum(
                sum(process.cpu_times()) for process in _with_children(psutil.Process(info.pid))
            )
            for info in running.services
            if info.pid is not None
        }
    )


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _print(what: str, without: list[float], traced: list[float]) -> None:
    figures = {"without_s": median(without), "with_s": median(traced)}
    figures["ratio"] = figures["with_s"] / figures["without_s"]
    line = {"what": what, "rounds": len(without)}
    print(json.dumps(line | {name: round(value, 3) for name, value in figures.items()}), flush=True)


if __name__ == "__main__":
    main()
