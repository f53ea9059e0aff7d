"""Runs are in flight while we deploy: histories recorded earlier replay on today's orchestrators."""

import json
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions.orchestrator import Orchestrator

from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.episode import EpisodeInput, EpisodeResult, History, run_episode
from landfall.local.functions_host.history import EventType
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.replay import Identity
from orchestrations.callback import callback
from orchestrations.coordinator import product_coordinator
from orchestrations.node import node
from orchestrations.run import run
from tests.replay.record import HISTORIES

ORCHESTRATORS: dict[str, Callable[[Any], Generator[Any, Any, Any]]] = {
    "product_coordinator": product_coordinator,
    "run": run,
    "node": node,
    "callback": callback,
}
ACTIVITIES = frozenset(
    {"open_run", "start_run", "close_run", "submit_job", "check_job", "finish_node", "deliver_callback"}
)


class Names:
    """The names that our function app registers."""

    def has_activity(self, name: str) -> bool:
        return name.lower() in ACTIVITIES

    def has_orchestrator(self, name: str) -> bool:
        return name.lower() in ORCHESTRATORS

    def orchestrator_names(self) -> Sequence[str]:
        return list(ORCHESTRATORS)


def _replay(
    recorded: dict[str, Any], code: Callable[[Any], Any], *, length: int | None = None
) -> EpisodeResult:
    rows = [(row["event"], row["fingerprint"]) for row in recorded["rows"][:length]]
    history = History(rows=rows, texts=[compact(event) for event, _ in rows])
    started = next(event for event, _ in rows if event["EventType"] == EventType.EXECUTION_STARTED)
    identity = Identity(
        name=recorded["orchestrator"],
        instance_id=recorded["instance_id"],
        execution_id=started["OrchestrationInstance"]["ExecutionId"],
    )
    given = EpisodeInput(
        identity=identity,
        history=history,
        messages=(),
        at=datetime.fromisoformat(rows[-1][0]["Timestamp"]),
        parent_instance_id=None,
        raw_input=recorded["input"],
    )
    return run_episode(given, Orchestrator.create(code), Names())


def _episodes(recorded: dict[str, Any]) -> list[int]:
    """Return the lengths of the history after each of its episodes."""
    kinds = [row["event"]["EventType"] for row in recorded["rows"]]
    return [index + 1 for index, kind in enumerate(kinds) if kind == EventType.ORCHESTRATOR_COMPLETED]


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_history_replays_without_divergence(path: Path) -> None:
    recorded = json.loads(path.read_text())
    code = ORCHESTRATORS[recorded["orchestrator"]]

    for length in _episodes(recorded):
        replayed = _replay(recorded, code, length=length)

        assert replayed.ending is None or replayed.ending.status is not Status.FAILED, replayed.ending
        assert replayed.decisions == (), f"new work after {length} rows"
        assert [finding for finding in replayed.found if finding.event == "task_cross_wired"] == []


def test_a_changed_orchestrator_is_noticed() -> None:
    def changed(context: Any) -> Generator[Any, Any, None]:
        yield context.call_activity("check_job", context.get_input())

    recorded = json.loads((HISTORIES / "node.json").read_text())

    replayed = _replay(recorded, changed, length=_episodes(recorded)[0])

    assert replayed.ending is not None
    assert replayed.ending.status is Status.FAILED
    assert "submit_job" in str(replayed.ending.result)


def test_every_orchestrator_has_a_recorded_history() -> None:
    recorded = {json.loads(path.read_text())["orchestrator"] for path in HISTORIES.glob("*.json")}

    assert recorded == set(ORCHESTRATORS)
