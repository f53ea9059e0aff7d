"""Recorded histories: what runs that are in flight have behind them, and what the orchestrators decide today.

``make histories`` plays every scenario on today's orchestrators. Where the decisions differ from the newest recording
it writes the next version beside it, ``histories/SCENARIO.VERSION.json``; a recording is never changed, because it
stands for the runs that are in flight while a new version is deployed, and must replay for as long as there may be
such runs. ``python -m tests.replay.record TASKHUB.sqlite INSTANCE NAME`` records one instance of a laptop's task hub.
"""

import json
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.replay.scenarios import ORCHESTRATORS, SCENARIOS, Generation, Scenario

HISTORIES = Path(__file__).parent / "histories"

Recording = Mapping[str, Any]


def record(taskhub: Path, instance_id: str, name: str) -> None:
    """Write the history of one instance, its rows and the fingerprints of its decisions, in order."""
    connection = sqlite3.connect(f"file:{taskhub}?mode=ro", uri=True)
    orchestrator, stored_input = connection.execute(
        "select name, input from instances where id = ?", (instance_id,)
    ).fetchone()
    rows = connection.execute(
        "select event, fingerprint from history where instance_id = ? order by seq", (instance_id,)
    ).fetchall()
    connection.close()
    generation = Generation(
        orchestrator, instance_id, stored_input, [(json.loads(event), mark) for event, mark in rows], []
    )
    _write(HISTORIES / f"{name}.json", [_document(generation)])


def record_scenarios() -> list[Path]:
    """Record each scenario whose decisions are not those of its newest recording; return the new files."""
    written = []
    for name, scenario in SCENARIOS.items():
        today = play(scenario)
        versions = recordings(name)
        if versions and decisions(read(versions[-1])) == decisions(today):
            continue
        written.append(HISTORIES / f"{name}.{len(versions) + 1}.json")
        _write(written[-1], today)
    return written


def play(scenario: Scenario, code: Mapping[str, Callable[[Any], Any]] = ORCHESTRATORS) -> list[Recording]:
    """Return every generation of every instance of a scenario, on today's orchestrators if no others are given."""
    with TemporaryDirectory() as folder:
        played = scenario.play(Path(folder) / "hub", code)
    return [_document(generation) for generation in played.generations.values()]


def recordings(name: str) -> list[Path]:
    """Return the recordings of a scenario, oldest first."""
    return sorted(HISTORIES.glob(f"{name}.*.json"), key=lambda path: int(path.name.split(".")[1]))


def read(path: Path) -> list[Recording]:
    generations: list[Recording] = json.loads(path.read_text())
    return generations


def decisions(generations: Sequence[Recording]) -> list[tuple[str, str, list[str]]]:
    """Return what was decided, in order: all of a recording that does not change from one play to the next."""
    return [
        (generation["orchestrator"], generation["instance_id"], generation["decided"])
        for generation in generations
    ]


def _document(generation: Generation) -> Recording:
    return {
        "orchestrator": generation.orchestrator,
        "instance_id": generation.instance_id,
        "input": generation.raw_input,
        "rows": [{"event": event, "fingerprint": mark} for event, mark in generation.rows],
        "decided": generation.decided,
    }


def _write(path: Path, generations: Sequence[Recording]) -> None:
    path.write_text(json.dumps(generations, separators=(",", ":")).replace('{"event"', '\n{"event"') + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        record(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    else:
        for path in record_scenarios():
            print(f"recorded {path.name}")
