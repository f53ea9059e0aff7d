"""One graph, from its landed file to the end of its run, with everything that it cost."""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.orchestrating.graphs import Upstreams, chain, product_of
from benchmarks.orchestrating.processes import Usage, usage
from benchmarks.orchestrating.stack import BenchStack, bench_stack
from landfall.local.functions_host.history import EventType

WARM_UP = "warm"
MEASURED = "measured"
# What goes on after the run is closed: its orchestrations end, storage events are delivered.
TAIL_S = 1.0
# Looking goes through all processes of the machine, which takes some 20 ms of one of the two cores.
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a run cost, from the upload of its file on; the stack had been at work before.

    Attributes:
        nodes: Nodes of the run, the one that takes the file in included.
        cpu_s: CPU seconds by process, those of job processes with the jobs server.
        peak_mb: Most resident memory at one time by process and all below it.
        sql: SQL round trips of the function host: statements and commits.
        episodes: Executions of an orchestrator.
        replayed: History rows that these executions read, in all.
        longest: Rows of the longest history.
    """

    graph: str
    nodes: int
    wall_s: float
    cpu_s: dict[str, float]
    peak_mb: dict[str, float]
    sql: int
    storage: int
    jobs_api: int
    episodes: int
    replayed: int
    longest: int
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def cpu_ms_per_node(self) -> float:
        return 1000 * sum(self.cpu_s.values()) / self.nodes

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "cpu_ms_per_node": round(self.cpu_ms_per_node, 2)}


def measure(graph: str, of_products: Sequence[Upstreams], *, packed: bool = False) -> Result:
    """Start a stack, let it run a small product to get warm, then measure the graphs, each a product, all at once."""
    measured = {f"{MEASURED}{number}": upstreams for number, upstreams in enumerate(of_products)}
    products = [product_of(chain(3), WARM_UP, packed=packed)]
    products += [product_of(upstreams, name, packed=packed) for name, upstreams in measured.items()]
    with (
        tempfile.TemporaryDirectory(prefix="landfall-bench-") as folder,
        bench_stack(Path(folder), products) as stack,
    ):
        stack.land(WARM_UP)
        stack.wait_for_run(WARM_UP)
        time.sleep(TAIL_S)
        nodes = sum(len(upstreams) + 1 for upstreams in of_products)
        return _measure(stack, graph, tuple(measured), nodes)


def _measure(stack: BenchStack, graph: str, products: Sequence[str], nodes: int) -> Result:
    def run_all() -> None:
        for product in products:
            stack.land(product)
        for product in products:
            stack.wait_for_run(product)

    seen = observe(stack, run_all)
    before, after = seen.before, seen.after
    return Result(
        graph=graph,
        nodes=nodes,
        wall_s=seen.wall_s,
        cpu_s=after.cpu_since(before),
        peak_mb=seen.peak_mb,
        sql=after.sql - before.sql,
        # The uploads are the benchmark's own.
        storage=after.storage - before.storage - len(products),
        jobs_api=after.jobs_api - before.jobs_api,
        episodes=sum(map(_episodes, after.histories)) - sum(map(_episodes, before.histories)),
        replayed=sum(map(_replayed, after.histories)) - sum(map(_replayed, before.histories)),
        longest=max(map(len, after.histories)),
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """What a stack has done so far."""

    cpu: dict[str, Usage]
    sql: int
    storage: int
    jobs_api: int
    histories: list[list[int]]

    @classmethod
    def of(cls, stack: BenchStack) -> "Counts":
        return cls(
            cpu={name: usage(pid) for name, pid in stack.processes().items()},
            sql=stack.sql_round_trips(),
            storage=stack.storage_calls.total(),
            jobs_api=stack.jobs_calls(),
            histories=stack.histories(),
        )

    def cpu_since(self, before: "Counts") -> dict[str, float]:
        """Return the CPU seconds of each process since the counts of before."""
        return {name: round(self.cpu[name].cpu_s - before.cpu[name].cpu_s, 2) for name in self.cpu}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a stack had done before and after something, and what that took; ``wall_s`` is without the tail."""

    before: Counts
    after: Counts
    wall_s: float
    peak_mb: dict[str, float]


def observe(stack: BenchStack, act: Callable[[], None]) -> Observation:
    """Do something to a stack and wait for what follows it."""
    peaks, before, started = Peaks(stack.processes()), Counts.of(stack), time.monotonic()
    act()
    wall_s = time.monotonic() - started
    time.sleep(TAIL_S)
    after = Counts.of(stack)
    peaks.stop()
    rounded: dict[str, float] = {name: round(peak) for name, peak in peaks.found.items()}
    return Observation(before, after, round(wall_s, 2), rounded)


class Peaks:
    """Looks at the memory of each process again and again until it is stopped."""

    def __init__(self, processes: dict[str, int]) -> None:
        self.found = dict.fromkeys(processes, 0.0)
        self._processes = processes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            for name, pid in self._processes.items():
                self.found[name] = max(self.found[name], usage(pid).memory_mb)


def _episodes(history: Sequence[int]) -> int:
    return sum(1 for event in history if event == EventType.ORCHESTRATOR_STARTED)


def _replayed(history: Sequence[int]) -> int:
    """Return how many rows its executions found already there, each of them all that were written before it."""
    return sum(number for number, event in enumerate(history) if event == EventType.ORCHESTRATOR_STARTED)
