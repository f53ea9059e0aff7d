"""Runs are in flight while we deploy: histories recorded earlier replay on today's orchestrators."""

import ast
import json
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from azure.durable_functions.orchestrator import Orchestrator

from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.episode import EpisodeInput, EpisodeResult, History, run_episode
from landfall.local.functions_host.history import EventType
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.replay import Identity
from tests.replay.record import HISTORIES, decisions, play, read, recordings
from tests.replay.scenarios import ORCHESTRATORS, SCENARIOS

ACTIVITIES = frozenset(name for scenario in SCENARIOS.values() for name in scenario.answers)
SOURCES = Path(__file__).parents[2] / "orchestrations"
MOST_EPISODES = 20


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


def _generations(path: Path) -> list[dict[str, Any]]:
    """Return what a file holds: all generations of a scenario, or one that was taken from a task hub."""
    content = json.loads(path.read_text())
    return content if isinstance(content, list) else [content]


def _episodes(recorded: dict[str, Any]) -> list[int]:
    """Return the lengths of the history after its episodes."""
    kinds = [row["event"]["EventType"] for row in recorded["rows"]]
    lengths = [index + 1 for index, kind in enumerate(kinds) if kind == EventType.ORCHESTRATOR_COMPLETED]
    # Of a history that repeats itself, the beginning, the end and some in between.
    return lengths if len(lengths) <= MOST_EPISODES else [*lengths[:5], *lengths[5:-5:10], *lengths[-5:]]


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_history_replays_without_divergence(path: Path) -> None:
    for recorded in _generations(path):
        code = ORCHESTRATORS[recorded["orchestrator"]]
        for length in _episodes(recorded):
            replayed = _replay(recorded, code, length=length)

            assert replayed.ending is None or replayed.ending.status is not Status.FAILED, replayed.ending
            assert replayed.decisions == (), f"new work after {length} rows"
            assert [finding for finding in replayed.found if finding.event == "task_cross_wired"] == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_orchestrators_decide_is_recorded(name: str) -> None:
    versions = recordings(name)
    recorded = decisions(read(versions[-1])) if versions else None

    assert decisions(play(SCENARIOS[name])) == recorded, (
        f"{name}: today's orchestrators decide differently, and runs in flight have the recorded decisions behind "
        "them. If that is meant, write the reason into docs/decisions and run `make histories`: it records the "
        "next version beside this one, which must go on to replay."
    )


def test_the_scenarios_reach_every_line_of_every_orchestrator() -> None:
    folder = f"{SOURCES}/"
    reached: set[tuple[str, int]] = set()

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(folder):
            return None
        reached.add((frame.f_code.co_filename.removeprefix(folder), frame.f_lineno))
        return trace

    def traced(code: Callable[[Any], Any]) -> Callable[[Any], Generator[Any, Any, Any]]:
        def orchestrator(context: Any) -> Generator[Any, Any, Any]:
            steps, value = code(context), None
            while True:
                # Only while the orchestrator itself runs: to trace the SDK as well takes minutes.
                before = sys.gettrace()
                sys.settrace(trace)
                try:
                    task = steps.send(value)
                except StopIteration as end:
                    return end.value
                finally:
                    sys.settrace(before)
                value = yield task

        return orchestrator

    code = {name: traced(each) for name, each in ORCHESTRATORS.items()}
    for scenario in SCENARIOS.values():
        play(scenario, code)

    missed = sorted(set(_lines_of_orchestrators()) - reached)
    assert missed == [], "no scenario in tests/replay/scenarios.py gets there"


def _lines_of_orchestrators() -> Iterator[tuple[str, int]]:
    """Yield file and number of every line in the functions of ``orchestrations/``, but for interfaces."""
    for path in SOURCES.glob("*.py"):
        if path.name in {"__init__.py", "context.py"}:
            continue
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for statement in ast.walk(function):
                    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                    if isinstance(statement, ast.stmt) and statement is not function and not is_text:
                        yield path.name, statement.lineno


def test_a_changed_wait_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "node_tried_again"
    monkeypatch.setattr("orchestrations.node.retry_delay", lambda _key, _attempt: timedelta(seconds=17))

    assert decisions(play(SCENARIOS[name])) != decisions(read(recordings(name)[-1]))


def test_a_changed_orchestrator_is_noticed() -> None:
    def changed(context: Any) -> Generator[Any, Any, None]:
        yield context.call_activity("check_job", context.get_input())

    recorded = json.loads((HISTORIES / "node.json").read_text())

    replayed = _replay(recorded, changed, length=_episodes(recorded)[0])

    assert replayed.ending is not None
    assert replayed.ending.status is Status.FAILED
    assert "submit_job" in str(replayed.ending.result)


def test_every_orchestrator_has_a_recorded_history() -> None:
    recorded = {each["orchestrator"] for path in HISTORIES.glob("*.json") for each in _generations(path)}

    assert recorded == set(ORCHESTRATORS)
