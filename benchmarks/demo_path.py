"""How the example product, warm, goes from landed files to gold tables: ``python benchmarks/demo_path.py [ROUNDS]``.

Starts a laptop stack with the example product, takes the files in once to get warm, then lands them again ROUNDS times
(3 by default) as `landfall demo` does. For each round it holds the wall time from before the first upload to the last
gold table against the critical path: the chain of nodes with the largest sum of seconds inside their Spark jobs. What
the wall time has beside that is told apart: ``first`` until the first node of the path is submitted, ``between`` its
nodes (settling one, starting the next), ``around`` its jobs (from submission to the job's own clock, from its end to
its settling), and ``after`` it. One JSON line for each round, then the medians.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from landfall.cli.demo import Journey, example_product, run_journey, source_files  # noqa: E402
from landfall.cli.project import Invocation  # noqa: E402
from landfall.local import stack  # noqa: E402
from landfall.local.layout import Ports  # noqa: E402
from landfall.planning.plan import NodeKey  # noqa: E402
from landfall.runs.timing import critical_path  # noqa: E402

ROUNDS = 3
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Journeyed:
    """Where the wall time of one journey went, in seconds."""

    wall_s: float
    spark_s: float
    first_s: float
    between_s: float
    around_s: float
    after_s: float

    @property
    def ratio(self) -> float:
        return self.wall_s / self.spark_s


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory(prefix="landfall-demo-") as folder:
        project = Path(folder)
        shutil.copy(ROOT / "landfall.yml", project)
        shutil.copytree(ROOT / "data_products", project / "data_products")
        here, sources = Invocation(project), source_files()
        product = example_product(project)
        stack.start(project, ports=Ports.free())
        try:
            run_journey(here, product, sources, timeout_s=PATIENCE_S)
            found = []
            for number in range(rounds):
                journey = run_journey(here, product, sources, timeout_s=PATIENCE_S)
                found.append(path_of(journey))
                told = {"round": number, "runs": len(journey.runs), "load": reports.machine()["load"]}
                print(json.dumps(told | _rounded(found[-1])), flush=True)
        finally:
            stack.stop(project)
    medians = {name: median(asdict(path)[name] for path in found) for name in asdict(found[0])}
    print(json.dumps({"rounds": rounds} | _rounded(Journeyed(**medians)), sort_keys=False))


def path_of(journey: Journey) -> Journeyed:
    """Return where the time of a journey went; runs of one product follow each other, and so do their paths."""
    spark_s = first_s = between_s = around_s = 0.0
    at, last_gold = journey.landed_at, journey.landed_at
    for run in journey.runs:
        nodes = {node.key: node for node in run.nodes}
        total = {key: node.timings_s.get("total", 0.0) for key, node in nodes.items()}
        path = critical_path(total, run.edges)
        spark_s += path.job_s
        for number, key in enumerate(path.nodes):
            started, finished = nodes[key].started_at, nodes[key].finished_at
            assert started is not None, key
            assert finished is not None, key
            waited_s = _seconds(at, started)
            if number == 0:
                first_s += waited_s
            else:
                between_s += waited_s
            around_s += _seconds(started, finished) - total[NodeKey(key)]
            at = finished
        gold = [
            node.finished_at for node in run.nodes if node.layer == "gold" and node.finished_at is not None
        ]
        last_gold = max([last_gold, *gold])
    return Journeyed(
        wall_s=_seconds(journey.landed_at, last_gold),
        spark_s=spark_s,
        first_s=first_s,
        between_s=between_s,
        around_s=around_s,
        after_s=_seconds(at, last_gold),
    )


def _seconds(first: datetime, second: datetime) -> float:
    return (second - first).total_seconds()


def _rounded(path: Journeyed) -> dict[str, float]:
    figures = {name: round(seconds, 2) for name, seconds in asdict(path).items()}
    return {"ratio": round(path.ratio, 2), **figures}


if __name__ == "__main__":
    main()
