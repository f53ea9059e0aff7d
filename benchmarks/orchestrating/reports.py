"""Results as JSON lines and as Markdown, and what moved between two of them."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.orchestrating.measuring import Result

PACKAGES = (
    "azure-functions",
    "azure-functions-durable",
    "sqlalchemy",
    "databricks-sdk",
    "azure-storage-blob",
)
# Moves that are less than this part of the former figure are noise on a machine with others at work.
NOISE = 0.1
FIGURES = ("cpu_ms_per_node", "wall_s", "sql", "storage", "jobs_api", "episodes", "replayed", "longest")

Line = dict[str, Any]


def machine() -> dict[str, Any]:
    """Return where this was measured and with what."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def lines_of(results: Sequence[Result], *, seed: int, at: str, where: dict[str, Any]) -> list[Line]:
    """Return one line per result, each with all that is needed to read it alone."""
    return [{**result.as_json(), "seed": seed, "measured_at": at, "machine": where} for result in results]


def write(lines: Sequence[Line], folder: Path, name: str) -> Path:
    """Write the lines, and a table of them, and return the former's file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    file.with_suffix(".md").write_text(_page(lines))
    return file


def read(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def table(lines: Sequence[Line]) -> str:
    """Return the figures per node as a Markdown table."""
    processes = list(lines[0]["cpu_s"])
    head = ["graph", "nodes", "wall s", "CPU ms/node", *processes]
    head += [
        "SQL/node",
        "storage/node",
        "Jobs API/node",
        "episodes/node",
        "replayed/node",
        "longest",
        "peak MB",
    ]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        nodes = line["nodes"]
        rows.append(
            [
                line["graph"],
                f"{nodes:,}",
                f"{line['wall_s']:.1f}",
                f"{line['cpu_ms_per_node']:.1f}",
                *(f"{1000 * line['cpu_s'][name] / nodes:.1f}" for name in processes),
                *(
                    f"{line[name] / nodes:.1f}"
                    for name in ("sql", "storage", "jobs_api", "episodes", "replayed")
                ),
                str(line["longest"]),
                " ".join(f"{name} {peak}" for name, peak in line["peak_mb"].items()),
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def compared(old: Sequence[Line], new: Sequence[Line]) -> str:
    """Return what moved from one measurement to another, graph by graph, as a Markdown table."""
    before = {line["graph"]: line for line in old}
    rows = [["graph", "figure", "before", "after", "change"], ["---"] * 5]
    for line in new:
        former = before.get(line["graph"])
        if former is None:
            rows.append([line["graph"], "", "not measured", "", ""])
            continue
        for name in FIGURES:
            was, now = former[name], line[name]
            if was and abs(now - was) / was >= NOISE:
                rows.append(
                    [line["graph"], name, f"{was:,}", f"{now:,}", f"{100 * (now - was) / was:+.0f} %"]
                )
    if len(rows) == 2:
        return f"Nothing moved by {NOISE:.0%} or more.\n"
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _page(lines: Sequence[Line]) -> str:
    first = lines[0]
    where = first["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in where["packages"].items())
    return (
        f"# Orchestration, measured {first['measured_at']}\n\n"
        f"{where['cores']} cores of {where['cpu']}, {where['memory_gb']} GB, load {where['load']} at the start, "
        f"{where['system']}. Python {where['python']}, {packages}; commit {where['commit']}, seed {first['seed']}.\n\n"
        "Nodes do nothing; columns named after a process are its CPU ms per node, jobs with the processes of the "
        "nodes.\n\n" + table(lines)
    )


def _cpu_model() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
