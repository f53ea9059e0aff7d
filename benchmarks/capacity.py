"""Where the first wall stands: ``python benchmarks/capacity.py``, a simulation of discrete events.

Nodes become ready at random instants, an hour's demand spread evenly, and pass what every node passes: the gate that
hands out places (one row in SQL, so one at a time), a turn at the Jobs API, a place among the tasks of the workspace,
the messages of the orchestration, the statements in SQL, and the processors of the function app. The costs of a node
are those that benchmarks/orchestration.py counts; docs/scale.md names the sources of the limits.

Prints, for each part, the nodes an hour at which it alone is full; then, for each demand, how long a node waits between
ready and submitted. ``--laptop RESULTS.jsonl`` puts the machine of those measurements into the same way of reckoning: a
chain says how long a node waits for other things than a core, and from that, the cores and the CPU of a node in each
process follow the seconds that every other graph should have taken; they are printed beside the measured ones.
"""

import argparse
import random
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Any

import simpy

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.orchestrating import reports
from benchmarks.orchestrating.graphs import RUN, Upstreams
from benchmarks.orchestration import graph_of

SEED = 20_261_126
HOUR_S = 3600.0
DEMANDS = (10, 1_000, 10_000, 50_000, 100_000)
# Simulated time: enough nodes to see a queue grow, without an hour of the largest demand.
NODES_SIMULATED = 3_000


@dataclass(frozen=True, slots=True)
class Costs:
    """What one node costs.

    Attributes:
        statements: SQL round trips.
        gate_statements: Those of them that run while the node holds the row of the gate.
        work_items: Messages of the orchestration back end: starts, activities and their results, timers.
        cpu_s: Seconds of one core, in the function app.
        calls: Calls of the Jobs API beside the submission.
    """

    statements: int
    gate_statements: int
    work_items: int
    cpu_s: float
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Site:
    """What an installation has.

    Attributes:
        statement_s: Seconds from sending a statement to having its answer, unloaded.
        statements_at_once: Statements that the database works on at the same time.
        submissions_per_second: Runs of saved jobs that the workspace starts.
        calls_per_second: Reads of runs that the workspace answers.
        tasks: Tasks that run at the same time.
        work_items_per_second: Messages that the orchestration back end dispatches.
        cores: Of all instances of the function app together.
    """

    statement_s: float
    statements_at_once: int
    submissions_per_second: float
    calls_per_second: float
    tasks: int
    work_items_per_second: float
    cores: int


NODE = Costs(statements=21, gate_statements=10, work_items=11, cpu_s=0.05)
# Azure SQL with four vCores, one capacity unit of the Durable Task Scheduler, ten instances of the function app.
AZURE = Site(
    statement_s=0.002,
    statements_at_once=400,
    submissions_per_second=20,
    calls_per_second=100,
    tasks=2_000,
    work_items_per_second=2_000,
    cores=10,
)
JOB_S = 120.0


class Simulation:
    """One installation under one demand."""

    def __init__(self, site: Site, costs: Costs, *, job_s: float, nodes_per_hour: float) -> None:
        self._site, self._costs, self._job_s = site, costs, job_s
        self._gap_s = HOUR_S / nodes_per_hour
        self._chance = random.Random(SEED)
        self._world = simpy.Environment()
        self._gate = simpy.Resource(self._world, 1)
        self._sql = simpy.Resource(self._world, site.statements_at_once)
        self._submitting = simpy.Resource(self._world, 1)
        self._reading = simpy.Resource(self._world, 1)
        self._dispatching = simpy.Resource(self._world, 1)
        self._tasks = simpy.Resource(self._world, site.tasks)
        self._cores = simpy.Resource(self._world, site.cores)
        self.waits_s: list[float] = []

    def run(self) -> list[float]:
        """Return what each node waited between ready and submitted, in seconds, without those that warmed up."""
        self._world.process(self._arrivals())
        self._world.run()
        return self.waits_s[len(self.waits_s) // 3 :]

    def _arrivals(self) -> Generator[Any, Any, None]:
        for _ in range(NODES_SIMULATED):
            yield self._world.timeout(self._chance.expovariate(1 / self._gap_s))
            self._world.process(self._node())

    def _node(self) -> Generator[Any, Any, None]:
        site, costs = self._site, self._costs
        ready_at = self._world.now
        half_cpu_s, half_items = costs.cpu_s / 2, costs.work_items / 2
        plain = costs.statements - costs.gate_statements
        yield from self._use(self._dispatching, half_items / site.work_items_per_second)
        yield from self._use(self._cores, half_cpu_s)
        yield from self._use(self._gate, costs.gate_statements / 2 * site.statement_s)
        with self._tasks.request() as place:
            yield place
            yield from self._use(self._sql, plain / 2 * site.statement_s)
            yield from self._use(self._submitting, 1 / site.submissions_per_second)
            self.waits_s.append(self._world.now - ready_at)
            yield self._world.timeout(self._chance.lognormvariate(0, 0.5) * self._job_s / 1.133)
        yield from self._use(self._reading, costs.calls / site.calls_per_second)
        yield from self._use(self._dispatching, half_items / site.work_items_per_second)
        yield from self._use(self._cores, half_cpu_s)
        yield from self._use(self._gate, costs.gate_statements / 2 * site.statement_s)
        yield from self._use(self._sql, plain / 2 * site.statement_s)

    def _use(self, resource: simpy.Resource, seconds: float) -> Generator[Any, Any, None]:
        with resource.request() as turn:
            yield turn
            yield self._world.timeout(seconds)


def walls(site: Site, costs: Costs, *, job_s: float) -> dict[str, float]:
    """Return the nodes an hour at which each part is full, were it alone."""
    plain = costs.statements - costs.gate_statements
    a_second = {
        "turns at the Jobs API": site.submissions_per_second,
        "tasks of the workspace": site.tasks / job_s,
        "reads of the Jobs API": site.calls_per_second / costs.calls,
        "gate row in SQL": 1 / (costs.gate_statements * site.statement_s),
        "statements in SQL": site.statements_at_once / (plain * site.statement_s),
        "orchestration back end": site.work_items_per_second / costs.work_items,
        "processors of the app": site.cores / costs.cpu_s,
    }
    return {name: rate * HOUR_S for name, rate in sorted(a_second.items(), key=lambda item: item[1])}


class Laptop:
    """One graph of nodes that do nothing, on a machine of few cores."""

    # Bursts of work between which a node waits for another process, a commit or a message.
    _BURSTS = 8

    def __init__(
        self, upstreams: Upstreams, *, cores: int, cpu_s: Mapping[str, float], idle_s: float, late: float
    ) -> None:
        """Take the graph.

        Args:
            cpu_s: Seconds of a core that a node takes, by process.
            idle_s: Seconds that a node of a chain waits for something else than a core.
            late: Share of its work that a node does after its successors were started.
        """
        self._world = simpy.Environment()
        self._cores = simpy.Resource(self._world, cores)
        self._places = simpy.Resource(self._world, RUN.max_parallel_nodes)
        # A process runs Python, or JavaScript, on one core at a time; the tasks of the jobs server are processes.
        self._turns = {name: simpy.Resource(self._world, cores if name == "jobs" else 1) for name in cpu_s}
        self._cpu_s, self._idle_s = cpu_s, idle_s
        self._late = round(self._BURSTS * late)
        # What comes first is the node that takes the landed file in.
        self._settled = [self._world.event() for _ in range(len(upstreams) + 1)]
        for number, inputs in enumerate([None, *upstreams]):
            before = [self._settled[at + 1] for at in inputs or ()]
            if inputs is not None and not inputs:
                before = [self._settled[0]]
            self._world.process(self._node(before, self._settled[number]))

    def run(self) -> float:
        """Return the seconds from the first node's start to the settling of the last one."""
        self._world.run(self._world.all_of(self._settled))
        return float(self._world.now)

    def _node(self, inputs: list[simpy.Event], settled: simpy.Event) -> Generator[Any, Any, None]:
        yield self._world.all_of(inputs)
        with self._places.request() as place:
            yield place
            for _ in range(self._BURSTS - self._late):
                yield from self._burst()
        settled.succeed()
        for _ in range(self._late):
            yield from self._burst()

    def _burst(self) -> Generator[Any, Any, None]:
        for name, cpu_s in self._cpu_s.items():
            with self._turns[name].request() as turn:
                yield turn
                with self._cores.request() as core:
                    yield core
                    yield self._world.timeout(cpu_s / self._BURSTS)
        yield self._world.timeout(self._idle_s / self._BURSTS)


def print_laptop(results: Path) -> None:
    """Print for each measured graph the seconds that the model expects beside those that were measured."""
    lines = reports.read(results)
    chain = next(line for line in lines if line["graph"].startswith("chain"))
    # Nodes of a chain follow one another: what is longer than their work is waiting, what is shorter was done beside.
    work_s, wall_s = sum(chain["cpu_s"].values()), chain["wall_s"]
    idle_s, late = max(0.0, (wall_s - work_s) / chain["nodes"]), max(0.0, 1 - wall_s / work_s)
    print(f"a node of a chain waits {1000 * idle_s:.0f} ms for other things than a core")
    print(f"and does {late:.0%} of its work after its successors were started")
    print(f"{'graph':<14}{'expected s':>11}{'measured s':>11}{'ratio':>7}")
    for line in lines:
        if line["graph"].startswith("products"):
            continue
        graph = graph_of(line["graph"])
        cpu_s = {name: seconds / line["nodes"] for name, seconds in line["cpu_s"].items()}
        expected_s = Laptop(
            graph, cores=line["machine"]["cores"], cpu_s=cpu_s, idle_s=idle_s, late=late
        ).run()
        ratio = expected_s / line["wall_s"]
        print(f"{line['graph']:<14}{expected_s:>11.1f}{line['wall_s']:>11.1f}{ratio:>7.2f}")


def main() -> None:
    """Print the walls of an installation, and what nodes wait under rising demand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--job-seconds", type=float, default=JOB_S, help="mean duration of a job")
    parser.add_argument("--cores", type=int, default=AZURE.cores, help="of all instances of the function app")
    parser.add_argument(
        "--laptop", type=Path, metavar="RESULTS.jsonl", help="hold the model against a measurement"
    )
    options = parser.parse_args()
    if options.laptop:
        print_laptop(options.laptop)
        return
    site = replace(AZURE, cores=options.cores)
    print(f"{'full at nodes an hour':<28}")
    full_at = walls(site, NODE, job_s=options.job_seconds)
    for part, nodes in full_at.items():
        print(f"  {part:<26}{nodes:>12,.0f}")
    print(f"{'nodes an hour':>13}  {'p50 wait s':>10}  {'p95 wait s':>10}")
    for demand in DEMANDS:
        if demand > min(full_at.values()):
            print(f"{demand:>13,}  grows and grows")
            continue
        waits = Simulation(site, NODE, job_s=options.job_seconds, nodes_per_hour=demand).run()
        cuts = quantiles(waits, n=100, method="inclusive")
        print(f"{demand:>13,}  {cuts[49]:>10.2f}  {cuts[94]:>10.2f}")


if __name__ == "__main__":
    main()
