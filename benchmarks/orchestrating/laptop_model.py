"""One graph of nodes that do nothing, on a machine of few cores: the seconds that it should take."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from benchmarks.orchestrating.graphs import LANDED, RUN, Upstreams, product_of
from landfall.planning.packs import PackLimits, make_packs
from landfall.planning.select import make_plan

BURSTS = 8
"""Bursts of work between which a job run waits for another process, a commit or a message."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """Some nodes that one job run executes.

    Attributes:
        nodes: How many.
        after: The job runs, by their place in the sequence, that have to end before it starts.
    """

    nodes: int
    after: frozenset[int]


def job_runs_of(upstreams: Upstreams, *, packed: bool) -> list[JobRun]:
    """Return the job runs of a graph's run as it is planned, the one that takes the landed file in included."""
    product = product_of(upstreams, "modelled", packed=packed)
    plan = make_plan(product, metadata_version=1, changed={LANDED}, published=())
    members: Sequence[Sequence[str]] = [[node.key] for node in plan.nodes]
    if packed:
        run = product.run
        limits = PackLimits(run.pack_nodes, run.pack_duration_s, run.max_parallel_nodes)
        members = make_packs(plan, limits, {})
    place = {key: number for number, keys in enumerate(members) for key in keys}
    after: list[set[int]] = [set() for _ in members]
    for node in plan.nodes:
        after[place[node.key]] |= {place[key] for key in node.depends_on} - {place[node.key]}
    return [JobRun(len(keys), frozenset(before)) for keys, before in zip(members, after, strict=True)]


class Laptop:
    """A machine that executes the job runs of one run."""

    def __init__(
        self,
        job_runs: Sequence[JobRun],
        *,
        cores: int,
        cpu_s: Mapping[str, float],
        idle_s: float,
        late: float,
    ) -> None:
        """Take the job runs.

        Args:
            cpu_s: Seconds of a core that a node takes, by process.
            idle_s: Seconds that a job run waits for something else than a core, however many nodes it executes.
            late: Share of its work that a job run leaves until its successors were started.
        """
        self._world = simpy.Environment()
        self._cores = simpy.Resource(self._world, cores)
        self._places = simpy.Resource(self._world, RUN.max_parallel_nodes)
        # A process runs Python, or JavaScript, on one core at a time; the tasks of the jobs server are processes.
        self._turns = {name: simpy.Resource(self._world, cores if name == "jobs" else 1) for name in cpu_s}
        self._cpu_s, self._idle_s = cpu_s, idle_s
        self._late = round(BURSTS * late)
        self._followed = frozenset[int]().union(*(job_run.after for job_run in job_runs))
        self._settled = [self._world.event() for _ in job_runs]
        for number, job_run in enumerate(job_runs):
            self._world.process(self._execute(number, job_run))

    def run(self) -> float:
        """Return the seconds from the first node's start to the settling of the last one."""
        self._world.run(self._world.all_of(self._settled))
        return float(self._world.now)

    def _execute(self, number: int, job_run: JobRun) -> Generator[Any, Any, None]:
        # What nothing waits for is done when all of it is.
        late = self._late if number in self._followed else 0
        yield self._world.all_of([self._settled[at] for at in sorted(job_run.after)])
        with self._places.request() as place:
            yield place
            for _ in range(BURSTS - late):
                yield from self._burst(job_run.nodes)
        self._settled[number].succeed()
        for _ in range(late):
            yield from self._burst(job_run.nodes)

    def _burst(self, nodes: int) -> Generator[Any, Any, None]:
        for name, cpu_s in self._cpu_s.items():
            with self._turns[name].request() as turn:
                yield turn
                with self._cores.request() as core:
                    yield core
                    yield self._world.timeout(nodes * cpu_s / BURSTS)
        yield self._world.timeout(self._idle_s / BURSTS)
