"""Plots of what was measured: ``python benchmarks/plot.py [RESULTS.jsonl…]``; all of benchmarks/results by default.

Writes an SVG file beside each file of results: the CPU of a node, or of a landed file, by process; of a comparison the
CPU of a node by orchestrator. The same results give the same file, byte for byte.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating.plots import plot  # noqa: E402


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULTS.jsonl")
    options = parser.parse_args()
    for file in options.results or sorted((ROOT / "benchmarks" / "results").glob("*.jsonl")):
        print(plot(file))


if __name__ == "__main__":
    main()
