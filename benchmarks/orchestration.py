"""What orchestrating a node costs, with nodes that do nothing.

``python benchmarks/orchestration.py [GRAPH…] [--name NAME]`` measures chain-20, fan-100 and layered-300 unless told
otherwise (`layered-10000` takes its time, `products-20` lands a file in each of 20 products at once), each on a fresh
stack, and writes benchmarks/results/NAME.jsonl and .md.
``python benchmarks/orchestration.py --compare OLD.jsonl NEW.jsonl`` says what moved.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The nodes that do nothing, and what starts the servers, belong to the tests.
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from benchmarks.orchestrating.graphs import Upstreams, chain, fan, layered  # noqa: E402
from benchmarks.orchestrating.measuring import measure  # noqa: E402

DEFAULT = ("chain-20", "fan-100", "layered-300")
SEED = 20_261_126
NODES_OF_A_PRODUCT = 10


def graph_of(name: str) -> Upstreams:
    """Return the graph of a name such as ``layered-300``."""
    shape, _, size = name.partition("-")
    match shape:
        case "chain":
            return chain(int(size))
        case "fan":
            return fan(int(size))
        case "layered":
            return layered(int(size), SEED)
    raise SystemExit(f"there is no graph {name!r}; say chain-N, fan-N, layered-N or products-N")


def graphs_of(name: str) -> list[Upstreams]:
    """Return the graphs that run at once: ``products-20`` is 20 products of 10 nodes in layers."""
    shape, _, size = name.partition("-")
    if shape == "products":
        return [layered(NODES_OF_A_PRODUCT, SEED + number) for number in range(int(size))]
    return [graph_of(name)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "graphs", nargs="*", metavar="GRAPH", help="chain-N, fan-N (1 to N to 1), layered-N or products-N"
    )
    parser.add_argument("--name", help="of the files below benchmarks/results; none are written without")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"))
    parser.add_argument("--packed", action="store_true", help="let nodes share job runs")
    options = parser.parse_args()
    if options.compare:
        old, new = map(reports.read, options.compare)
        print(reports.compared(old, new), end="")
        return
    graphs = {name: graphs_of(name) for name in options.graphs or DEFAULT}
    where = reports.machine()
    results = []
    for name, of_products in graphs.items():
        results.append(measure(name, of_products, packed=options.packed))
        print(f"{name}: {results[-1].cpu_ms_per_node:.1f} ms CPU per node", file=sys.stderr)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = reports.lines_of(results, seed=SEED, at=at, where=where)
    print(reports.table(lines), end="")
    if options.name:
        print(reports.write(lines, ROOT / "benchmarks" / "results", options.name), file=sys.stderr)


if __name__ == "__main__":
    main()
