"""What an installation carries: what a job run costs, what each part takes in a second, and a simulation of both."""

import random
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import simpy

from benchmarks.orchestrating import reports
from benchmarks.orchestrating.reports import Line

SEED = 20_261_126
HOUR_S = 3600.0
# Simulated time: enough job runs to see a queue grow, without an hour of the largest demand.
SIMULATED = 3_000
# Of a settled job run: those from the gate's row on, and the messages of its orchestration (docs/scale.md counts both).
GATE_STATEMENTS = 10
WORK_ITEMS = 9


@dataclass(frozen=True, slots=True)
class Costs:
    """What one job run costs, with all nodes that it executes.

    Attributes:
        nodes: Nodes that it executes.
        statements: SQL round trips.
        gate_statements: Those of them that run while the node holds the row of the gate.
        work_items: Messages of the orchestration back end: starts, activities and their results, timers.
        cpu_s: Seconds of one core, in the function app.
        job_s: Mean seconds that it takes.
        calls: Calls of the Jobs API beside the submission.
    """

    nodes: int
    statements: float
    gate_statements: int
    work_items: int
    cpu_s: float
    job_s: float
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Work:
    """What nodes are like.

    Attributes:
        start_s: Seconds until compute has started and the job's program runs.
        node_s: Seconds of a node itself.
    """

    start_s: float
    node_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What benchmarks/orchestration.py counted on one graph, in job runs of their own and packed.

    Attributes:
        statements: SQL round trips of a node with a job run of its own.
        cpu_s: Its CPU in the function host.
        statements_in_pack: Round trips that each node adds to those of its pack.
        cpu_in_pack_s: CPU of the function host for each node of a pack, what the pack itself takes included.
    """

    statements: float
    cpu_s: float
    statements_in_pack: float
    cpu_in_pack_s: float

    @classmethod
    def read(cls, single: Path, packed: Path, graph: str) -> Self:
        """Return what two files of results say about a graph."""
        one, many = _line(single, graph), _line(packed, graph)
        statements = one["sql"] / one["nodes"]
        # A job run is started by one call of the Jobs API, and its end is read by another.
        packs = many["jobs_api"] / 2
        return cls(
            statements=statements,
            cpu_s=one["cpu_s"]["functions"] / one["nodes"],
            statements_in_pack=max(0.0, (many["sql"] - packs * statements) / many["nodes"]),
            cpu_in_pack_s=many["cpu_s"]["functions"] / many["nodes"],
        )

    def single(self, work: Work) -> Costs:
        """Return what a node costs with a job run of its own."""
        job_s = work.start_s + work.node_s
        return Costs(1, self.statements, GATE_STATEMENTS, WORK_ITEMS, self.cpu_s, job_s)

    def packed(self, work: Work, *, most_nodes: int, most_s: float) -> Costs:
        """Return what a full pack costs."""
        nodes = max(1, min(most_nodes, int(most_s / work.node_s)))
        return Costs(
            nodes=nodes,
            statements=self.statements + nodes * self.statements_in_pack,
            gate_statements=GATE_STATEMENTS,
            work_items=WORK_ITEMS,
            cpu_s=nodes * self.cpu_in_pack_s,
            job_s=work.start_s + nodes * work.node_s,
        )


@dataclass(frozen=True, slots=True)
class Site:
    """What an installation has.

    Attributes:
        statement_s: Seconds from sending a statement to having its answer, unloaded.
        statements_at_once: Statements that the database works on at the same time.
        submissions_per_second: Runs of saved jobs that the workspace starts.
        own_submissions_per_second: Those that `jobs.submissions_per_second` allows.
        calls_per_second: Reads of runs that the workspace answers.
        tasks: Tasks that the workspace runs at the same time.
        own_tasks: Those that `limits.nodes` allows.
        work_items_per_second: Messages that the orchestration back end dispatches.
        cores: Of all instances of the function app together.
    """

    statement_s: float
    statements_at_once: int
    submissions_per_second: float
    own_submissions_per_second: float
    calls_per_second: float
    tasks: int
    own_tasks: int
    work_items_per_second: float
    cores: int


# Azure SQL with four vCores, one capacity unit of the Durable Task Scheduler, ten instances of the function app; the
# settings are those that nobody has changed.
AZURE = Site(
    statement_s=0.002,
    statements_at_once=400,
    submissions_per_second=20,
    own_submissions_per_second=15,
    calls_per_second=100,
    tasks=2_000,
    own_tasks=1_000,
    work_items_per_second=2_000,
    cores=10,
)


@dataclass(frozen=True, slots=True)
class Wall:
    """A part that is full at so many nodes an hour, were it alone, and what moves it."""

    part: str
    nodes_per_hour: float
    moved_by: str


def walls(site: Site, costs: Costs) -> list[Wall]:
    """Return the walls, the first one first."""
    plain = costs.statements - costs.gate_statements
    job_runs_a_second = (
        ("`limits.nodes`", site.own_tasks / costs.job_s, "the setting, up to the tasks of the workspace"),
        ("tasks of the workspace", site.tasks / costs.job_s, "packs, shorter jobs; a second workspace"),
        (
            "`jobs.submissions_per_second`",
            site.own_submissions_per_second,
            "the setting, up to the workspace's turns",
        ),
        ("turns at the Jobs API", site.submissions_per_second, "packs; a second workspace"),
        ("reads of the Jobs API", site.calls_per_second / costs.calls, "packs; a second workspace"),
        (
            "gate row in SQL",
            1 / (costs.gate_statements * site.statement_s),
            "packs; commits that are faster: Business Critical",
        ),
        ("statements in SQL", site.statements_at_once / (plain * site.statement_s), "more vCores"),
        ("orchestration back end", site.work_items_per_second / costs.work_items, "more capacity units"),
        ("processors of the app", site.cores / costs.cpu_s, "more instances of the function app"),
    )
    found = [Wall(part, rate * HOUR_S * costs.nodes, by) for part, rate, by in job_runs_a_second]
    return sorted(found, key=lambda wall: wall.nodes_per_hour)


@dataclass(frozen=True, slots=True)
class Tier:
    """A size of Azure SQL, by what its documentation says of it (docs/scale.md names the pages).

    Attributes:
        workers: Statements that are worked on at the same time.
        sessions: Connections at the same time.
        log_mb_per_s: What it writes to its log in a second.
        commit_s: Seconds that a write to its log takes, the mean of those said.
    """

    name: str
    workers: int
    sessions: int
    log_mb_per_s: float
    commit_s: float

    def walls(self, costs: Costs, written_kb: float) -> dict[str, float]:
        """Return the nodes an hour at which each part of it is full.

        Args:
            costs: Of a job run.
            written_kb: What a node writes into rows, as much as goes through the log.
        """
        held_s = costs.gate_statements * AZURE.statement_s + self.commit_s
        job_runs_a_second = {
            "gate": 1 / held_s,
            "workers": self.workers / (costs.statements * AZURE.statement_s),
            "log": self.log_mb_per_s * 1000 / (written_kb * costs.nodes),
        }
        return {part: rate * HOUR_S * costs.nodes for part, rate in job_runs_a_second.items()}


_REMOTE_S, _LOCAL_S = 0.006, 0.0015
TIERS = (
    Tier("General Purpose serverless, 2 vCores at most", 150, 30_000, 9, _REMOTE_S),
    Tier("General Purpose, 2 vCores", 200, 30_000, 9, _REMOTE_S),
    Tier("General Purpose, 4 vCores", 400, 30_000, 18, _REMOTE_S),
    Tier("General Purpose, 8 vCores", 800, 30_000, 36, _REMOTE_S),
    Tier("Business Critical, 2 vCores", 200, 30_000, 24, _LOCAL_S),
    Tier("Business Critical, 4 vCores", 400, 30_000, 48, _LOCAL_S),
    Tier("Business Critical, 8 vCores", 800, 30_000, 96, _LOCAL_S),
)


class Simulation:
    """One installation under one demand."""

    def __init__(self, site: Site, costs: Costs, *, nodes_per_hour: float) -> None:
        self._site, self._costs = site, costs
        self._turn_s = 1 / min(site.submissions_per_second, site.own_submissions_per_second)
        self._gap_s = HOUR_S * costs.nodes / nodes_per_hour
        self._chance = random.Random(SEED)
        self._world = simpy.Environment()
        self._gate = simpy.Resource(self._world, 1)
        self._sql = simpy.Resource(self._world, site.statements_at_once)
        self._submitting = simpy.Resource(self._world, 1)
        self._reading = simpy.Resource(self._world, 1)
        self._dispatching = simpy.Resource(self._world, 1)
        self._tasks = simpy.Resource(self._world, min(site.tasks, site.own_tasks))
        self._cores = simpy.Resource(self._world, site.cores)
        self.waits_s: list[float] = []

    def run(self) -> list[float]:
        """Return what each job run waited between ready and submitted, in seconds, without those that warmed up."""
        self._world.process(self._arrivals())
        self._world.run()
        return self.waits_s[len(self.waits_s) // 3 :]

    def _arrivals(self) -> Generator[Any, Any, None]:
        for _ in range(SIMULATED):
            yield self._world.timeout(self._chance.expovariate(1 / self._gap_s))
            self._world.process(self._job_run())

    def _job_run(self) -> Generator[Any, Any, None]:
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
            yield from self._use(self._submitting, self._turn_s)
            self.waits_s.append(self._world.now - ready_at)
            yield self._world.timeout(self._chance.lognormvariate(0, 0.5) * costs.job_s / 1.133)
        yield from self._use(self._reading, costs.calls / site.calls_per_second)
        yield from self._use(self._dispatching, half_items / site.work_items_per_second)
        yield from self._use(self._cores, half_cpu_s)
        yield from self._use(self._gate, costs.gate_statements / 2 * site.statement_s)
        yield from self._use(self._sql, plain / 2 * site.statement_s)

    def _use(self, resource: simpy.Resource, seconds: float) -> Generator[Any, Any, None]:
        with resource.request() as turn:
            yield turn
            yield self._world.timeout(seconds)


def _line(results: Path, graph: str) -> Line:
    return next(line for line in reports.read(results) if line["graph"] == graph)
