"""Dagster: one program, its in-process executor, runs and events in SQLite."""

import json
from pathlib import Path

from benchmarks.peers.programs import Spent, programs

SETTINGS = "in-process executor; runs and events in SQLite; no daemon, no web server; start-up taken out"


def measure(python: Path, upstreams: list[list[int]], folder: Path, *, patience_s: float) -> Spent:
    """Return what the graph cost: a run with all of it less a run with one node."""
    environment = {"DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "yes", "DO_NOT_TRACK": "1"}
    program = Path(__file__).with_name("in_dagster.py")
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    spent = []
    with programs("dagster", folder, environment, patience_s=patience_s) as peer:
        # One to warm up (databases, compiled modules), one without a graph to speak of, one with all of it.
        for what, graph in (("warming up", [[]]), ("one node", [[]]), ("the graph", upstreams)):
            (folder / "graph.json").write_text(json.dumps(graph))
            spent.append(peer.run(what, str(python), str(program), str(folder / "graph.json")))
    return Spent(spent[2].cpu_s - spent[1].cpu_s, spent[2].wall_s - spent[1].wall_s)
