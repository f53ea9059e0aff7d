"""What the peers have spent, as JSON lines and as a Markdown table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def write(lines: Sequence[Line], file: Path) -> None:
    """Write the lines, and a page with a table of them beside it."""
    file.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    machine = lines[0]["machine"]
    file.with_suffix(".md").write_text(
        f"# Orchestrators on the same graph\n\n{machine['cores']} cores of {machine['cpu']}, Python "
        f"{machine['python']}; commit {machine['commit']}, seed {lines[0]['seed']}. The load stands with each, as it "
        f"was when its measurement began.\n\n{table(lines)}"
    )


def table(lines: Sequence[Line]) -> str:
    """Return the lines as a Markdown table, the most frugal first."""
    head = ["orchestrator", "nodes", "CPU ms/node", "without idling", "wall s", "load", "settings"]
    rows = [head, ["---"] * len(head)]
    rows += [
        [
            f"{line['peer']} {line['version']}",
            str(line["nodes"]),
            str(line["cpu_ms_per_node"]),
            str(_without_idling(line)),
            str(line["wall_s"]),
            str(line["machine"]["load"]),
            str(line["settings"]),
        ]
        for line in sorted(lines, key=lambda line: line["cpu_ms_per_node"])
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _without_idling(line: Line) -> float:
    """Return the CPU of a node without what the peer's programs use of a core whether there is work or not."""
    idle_ms = 1000 * line["idle_cores"] * line["wall_s"] / line["nodes"]
    return round(float(line["cpu_ms_per_node"] - idle_ms), 1)
