"""Where the first wall stands: ``python benchmarks/capacity.py``, a model of an installation and a simulation of it.

Nodes become ready at random instants, an hour's demand spread evenly, and pass what every node passes: the gate that
hands out places (one row in SQL, so one at a time), a turn at the Jobs API, a place among the tasks of the workspace,
the messages of the orchestration, the statements in SQL, and the processors of the function app. What a node costs is
read from results of benchmarks/orchestration.py (``--single``, ``--packed``); docs/scale.md names the sources of the
limits.

Prints, for nodes with job runs of their own and for packed ones, the nodes an hour at which each part is full and what
moves it; then, for each demand, how long a job run waits between ready and submitted, and how far the first wall is.
``--laptop RESULTS.jsonl`` puts the machine of those measurements into the same way of reckoning: a chain says how long
a job run waits for other things than a core and how much it does beside others (packed, where a chain is one job run,
layered-300 says the latter), and from that, the cores and the CPU of a node in each process follow the seconds that
every other graph should have taken; they are printed beside the measured ones.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from benchmarks.orchestrating.capacity_model import (  # noqa: E402
    AZURE,
    TIERS,
    Costs,
    Measured,
    Simulation,
    Site,
    Work,
    walls,
)
from benchmarks.orchestrating.laptop_model import BURSTS, JobRun, Laptop, job_runs_of  # noqa: E402
from benchmarks.orchestrating.reports import Line  # noqa: E402
from benchmarks.orchestration import graph_of  # noqa: E402
from landfall.spec.model import RunSettings  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
SINGLE, PACKED = RESULTS / "2026-11-26-single-quiet.jsonl", RESULTS / "2026-11-26-packed-shared-results.jsonl"
FITTED_ON = "layered-300"
# What a node's statements write into rows, two bytes a character, by counting them in tests/chaos/world.py.
WRITTEN_KB = {"single": 5.6, "packed": 4.4}
DEMANDS = (10, 1_000, 10_000, 50_000, 100_000)
# Two minutes on average, half of them until compute runs; and nodes that are worth packing.
ORDINARY, SMALL = Work(start_s=60, node_s=60), Work(start_s=60, node_s=6)


def main() -> None:
    """Print the walls of an installation, and what nodes wait under rising demand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--widened", action="store_true", help="with the settings as wide as the workspace allows"
    )
    parser.add_argument("--cores", type=int, default=AZURE.cores, help="of all instances of the function app")
    parser.add_argument("--single", type=Path, default=SINGLE, help="results with a job run for each node")
    parser.add_argument("--packed", type=Path, default=PACKED, help="results of packed nodes")
    parser.add_argument(
        "--laptop", type=Path, metavar="RESULTS.jsonl", help="hold the model against a measurement"
    )
    parser.add_argument(
        "--tiers", action="store_true", help="what sizes of Azure SQL carry, and nothing else"
    )
    options = parser.parse_args()
    if options.laptop:
        print_laptop(options.laptop)
        return
    site = replace(AZURE, cores=options.cores)
    if options.widened:
        site = replace(site, own_tasks=site.tasks, own_submissions_per_second=site.submissions_per_second)
    measured = Measured.read(options.single, options.packed, FITTED_ON)
    run = RunSettings()
    if options.tiers:
        packed = measured.packed(SMALL, most_nodes=run.pack_nodes, most_s=run.pack_duration_s)
        print_tiers({"single": measured.single(ORDINARY), "packed": packed})
        return
    for work in (ORDINARY, SMALL):
        packed = measured.packed(work, most_nodes=run.pack_nodes, most_s=run.pack_duration_s)
        for name, costs in (("single", measured.single(work)), ("packed", packed)):
            print(f"\n{name}: nodes of {work.node_s:.0f} s, {work.start_s:.0f} s until a job runs, ", end="")
            print(f"{costs.nodes} to a job run")
            print_walls(site, costs)
            print_demands(site, costs)


def print_walls(site: Site, costs: Costs) -> None:
    print(f"  {'full at nodes an hour':<31}{'':>12}  moved by")
    for wall in walls(site, costs):
        print(f"  {wall.part:<31}{wall.nodes_per_hour:>12,.0f}  {wall.moved_by}")


def print_tiers(costs: Mapping[str, Costs]) -> None:
    """Print at how many nodes an hour each part of each size of Azure SQL is full, and which is the first."""
    print(f"{'size':<46}{'nodes':<8}{'gate':>12}{'workers':>14}{'log':>14}  first")
    for tier in TIERS:
        for name, of_job_run in costs.items():
            walls_of = tier.walls(of_job_run, WRITTEN_KB[name])
            first = min(walls_of, key=lambda part: walls_of[part])
            gate, workers, written = (walls_of[part] for part in ("gate", "workers", "log"))
            print(f"{tier.name:<46}{name:<8}{gate:>12,.0f}{workers:>14,.0f}{written:>14,.0f}  {first}")


def print_demands(site: Site, costs: Costs) -> None:
    first = walls(site, costs)[0]
    print(
        f"  {'nodes an hour':>13}  {'p50 wait s':>10}  {'p95 wait s':>10}  of the first wall ({first.part})"
    )
    for demand in DEMANDS:
        used = f"{demand / first.nodes_per_hour:.0%}" if demand * 100 > first.nodes_per_hour else "below 1%"
        if demand > first.nodes_per_hour:
            print(f"  {demand:>13,}  {'grows and grows':>22}  {used}")
            continue
        waits = Simulation(site, costs, nodes_per_hour=demand).run()
        cuts = quantiles(waits, n=100, method="inclusive")
        print(f"  {demand:>13,}  {cuts[49]:>10.2f}  {cuts[94]:>10.2f}  {used}")


def print_laptop(results: Path) -> None:
    """Print for each measured graph the seconds that the model expects beside those that were measured."""
    lines = reports.read(results)
    chain = next(line for line in lines if line["graph"].startswith("chain"))
    # The job runs of a chain follow one another: what is longer than their work is waiting, what is shorter was done
    # beside. It waits for each job run, not for each node: those of a pack wait for nothing between them.
    work_s, wall_s = sum(chain["cpu_s"].values()), chain["wall_s"]
    in_chain = len(_job_runs(chain))
    idle_s, late = max(0.0, (wall_s - work_s) / in_chain), max(0.0, 1 - wall_s / work_s)
    if in_chain == 1:
        late = _late_in(next(line for line in lines if line["graph"] == FITTED_ON), idle_s)
    print(f"a job run of a chain waits {1000 * idle_s:.0f} ms for other things than a core")
    print(f"and a job run does {late:.0%} of its work after its successors were started")
    print(f"{'graph':<14}{'job runs':>9}{'expected s':>11}{'measured s':>11}{'ratio':>7}")
    for line in lines:
        if line["graph"].startswith("products"):
            continue
        expected_s, measured_s = _expected_s(line, idle_s, late), line["wall_s"]
        ratio = expected_s / measured_s
        print(
            f"{line['graph']:<14}{len(_job_runs(line)):>9}{expected_s:>11.1f}{measured_s:>11.1f}{ratio:>7.2f}"
        )


def _late_in(line: Line, idle_s: float) -> float:
    """Return the share of late work with which the model comes nearest to what was measured of a graph.

    Packed, a chain is one job run, which nothing follows and which so says nothing about it.
    """
    shares = [number / BURSTS for number in range(BURSTS)]
    return min(shares, key=lambda late: abs(_expected_s(line, idle_s, late) - line["wall_s"]))


def _expected_s(line: Line, idle_s: float, late: float) -> float:
    cpu_s = {name: seconds / line["nodes"] for name, seconds in line["cpu_s"].items()}
    return Laptop(
        _job_runs(line), cores=line["machine"]["cores"], cpu_s=cpu_s, idle_s=idle_s, late=late
    ).run()


def _job_runs(line: Line) -> list[JobRun]:
    """Return the job runs of a measured graph."""
    # With a job run of its own, each node needs a call to start it and one to read its end.
    return job_runs_of(graph_of(line["graph"]), packed=line["jobs_api"] < line["nodes"])


if __name__ == "__main__":
    main()
