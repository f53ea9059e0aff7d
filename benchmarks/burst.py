"""What files cost that land in one burst: ``python benchmarks/burst.py [FILES…] [--name NAME]``; 100, 1000 and 10000.

Each burst goes to a fresh stack whose nodes do nothing: small files are uploaded as fast as the storage emulator takes
them, each event is delivered, each file goes into the ledger, and they are joined to runs as the documented defaults
say. Then a tenth of the events come a second time. At the end every file has to be in the tables exactly once. Writes
benchmarks/results/NAME.jsonl and .md where a name is given.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.orchestrating import reports  # noqa: E402
from benchmarks.orchestrating.bursts import Burst, measure  # noqa: E402

DEFAULT = (100, 1_000, 10_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=int, metavar="FILES", default=DEFAULT)
    parser.add_argument("--name", help="of the files below benchmarks/results; none are written without")
    options = parser.parse_args()
    lines, bursts = [], []
    for files in options.files:
        machine = reports.machine()
        bursts.append(measure(files))
        lines.append({**asdict(bursts[-1]), "graph": f"burst-{files}", "machine": machine})
        print(f"{files} files: {bursts[-1].cpu_ms_per_file:.1f} ms CPU a file", file=sys.stderr, flush=True)
        if options.name:
            _write(lines, _table(bursts), options.name)
    print(_table(bursts), end="")


def _write(lines: list[dict[str, object]], table: str, name: str) -> None:
    file = ROOT / "benchmarks" / "results" / f"{name}.jsonl"
    file.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    machine = reports.machine()
    where = f"{machine['cores']} cores of {machine['cpu']}, load {machine['load']} at the end, "
    where += f"Python {machine['python']}; commit {machine['commit']}."
    columns = "Columns named after a process are its CPU ms per file."
    file.with_suffix(".md").write_text(f"# Files that land in one burst\n\n{where}\n\n{columns}\n\n{table}")


def _table(bursts: list[Burst]) -> str:
    processes = list(bursts[0].cpu_s)
    head = ["files", "runs", "landed in s", "all done in s", "CPU ms/file", *processes]
    head += ["SQL/file", "storage/file", "Jobs API", "longest", "peak MB", "repeated event: CPU ms", "SQL"]
    rows = [head, ["---"] * len(head)]
    rows += [
        [
            f"{burst.files:,}",
            str(burst.runs),
            f"{burst.landed_s:.1f}",
            f"{burst.wall_s:.1f}",
            f"{burst.cpu_ms_per_file:.1f}",
            *(f"{1000 * burst.cpu_s[name] / burst.files:.1f}" for name in processes),
            f"{burst.sql / burst.files:.2f}",
            f"{burst.storage / burst.files:.2f}",
            str(burst.jobs_api),
            str(burst.longest),
            " ".join(f"{name} {peak}" for name, peak in burst.peak_mb.items()),
            f"{1000 * burst.repeat_cpu_s / burst.repeated:.1f}",
            f"{burst.repeat_sql / burst.repeated:.2f}",
        ]
        for burst in bursts
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
