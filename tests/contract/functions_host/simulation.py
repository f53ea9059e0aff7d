"""A task hub with a virtual clock: real SDK handles, the real store and engine, no waiting."""

import heapq
import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from azure.durable_functions.entity import Entity
from azure.durable_functions.orchestrator import Orchestrator

from landfall.local.functions_host import instances
from landfall.local.functions_host.activity_queue import ActivityOutcome, ActivityWork, failure_of
from landfall.local.functions_host.decisions import HTTP_ACTIVITY, Status
from landfall.local.functions_host.divergence import Finding
from landfall.local.functions_host.entities import run_batch
from landfall.local.functions_host.episode import run_episode
from landfall.local.functions_host.history import Event
from landfall.local.functions_host.hub import HubSettings, TaskHub
from landfall.local.functions_host.instances import Instance, StartRequest
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.store import Store
from landfall.local.functions_host.worker import decode, encode_activity_result

# Every episode parses every instant of its history anew, which takes much of the time of a simulation.
_events: Any = sys.modules["azure.durable_functions.models.history.HistoryEvent"]
_events.dt_parse = lru_cache(100_000)(_events.dt_parse)

START = datetime(2026, 1, 1, tzinfo=UTC)
Orchestration = Callable[[Any], Any]
Steps = Generator[Any, Any, Any]


class VirtualClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Activity:
    """An activity and how long it takes: seconds, or a function of its input."""

    call: Callable[[Any], Any]
    takes_s: float | Callable[[Any], float] = 1.0

    def duration(self, argument: Any) -> timedelta:
        return timedelta(seconds=self.takes_s(argument) if callable(self.takes_s) else self.takes_s)


@dataclass(frozen=True)
class Started:
    """An activity that began: seconds since the start, name, input."""

    at_s: float
    name: str
    input: Any


@dataclass
class Simulation:
    """Runs orchestrations to wherever they get, jumping from one due moment to the next."""

    folder: Path
    orchestrators: Mapping[str, Orchestration]
    activities: Mapping[str, Activity] = field(default_factory=dict)
    entities: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    settings: HubSettings = field(default_factory=HubSettings)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.started: list[Started] = []
        self.findings: list[Finding] = []
        self.episodes = 0
        self._running: list[tuple[datetime, int, ActivityWork]] = []
        self._handles = {name.lower(): Orchestrator.create(code) for name, code in self.orchestrators.items()}
        self._entity_handles = {name.lower(): Entity.create(code) for name, code in self.entities.items()}
        self.hub = TaskHub(Store(self.folder), self.clock, self, self.settings)

    def replace_code(self, name: str, code: Orchestration) -> None:
        """Deploy another version of an orchestrator."""
        self._handles[name.lower()] = Orchestrator.create(code)

    def reopen(self) -> None:
        """Kill the host and start another on the same store; activities in flight are lost with it."""
        self.hub.store.close()
        self._running.clear()
        self.hub = TaskHub(Store(self.folder), self.clock, self, self.settings)
        self.hub.activities.release_all()

    # What the engine asks of an app.

    def has_activity(self, name: str) -> bool:
        return name == HTTP_ACTIVITY or name.lower() in {known.lower() for known in self.activities}

    def has_orchestrator(self, name: str) -> bool:
        return name.lower() in self._handles

    def orchestrator_names(self) -> Sequence[str]:
        return list(self.orchestrators)

    # What a test does.

    def start(self, name: str, value: Any = None, instance_id: str = "i", *, raw: str | None = None) -> None:
        """Start an instance as the SDK's client does, or with raw JSON text as a REST caller does."""
        raw_input = raw if raw is not None else (None if value is None else json.dumps(json.dumps(value)))
        self.hub.start(StartRequest(name, instance_id, raw_input))

    def run(self, until_s: float | None = None) -> None:
        """Go on until nothing is left to do, or until that many seconds after the start."""
        limit = None if until_s is None else START + timedelta(seconds=until_s)
        while True:
            self._settle()
            due = [at for at in (self._next_activity(), *self._next_messages()) if at is not None]
            if not due or (limit is not None and min(due) > limit):
                if limit is not None:
                    self.clock.at = max(self.clock.at, limit)
                return
            self.clock.at = max(self.clock.at, min(due))
            self._end_due_activities()

    def step(self, instance_id: str = "i") -> bool:
        """Run one episode of an instance; return whether there was anything for it."""
        ticket = self.hub.episodes.take(instance_id)
        if ticket is None:
            return False
        handle = self._handles.get(ticket.instance.name.lower())
        result = run_episode(ticket.given, handle, self)
        self.findings.extend(result.found)
        self.episodes += 1
        assert self.hub.episodes.commit(ticket, result)
        return True

    def lease(self) -> list[ActivityWork]:
        """Lease every waiting activity without running it."""
        return list(self.hub.activities.lease(10_000))

    def finish(self, work: ActivityWork) -> bool:
        """Run one leased activity now and report it."""
        return self.hub.activities.complete(work, self._outcome(work))

    # What a test looks at.

    def instance(self, instance_id: str = "i") -> Instance:
        found = instances.find(self.hub.store, instance_id)
        assert found is not None, f"no instance {instance_id}"
        return found

    def status(self, instance_id: str = "i") -> Status:
        return self.instance(instance_id).status

    def output(self, instance_id: str = "i") -> Any:
        text = self.instance(instance_id).output
        try:
            return None if text is None else json.loads(text)
        except ValueError:
            return text

    def history(self, instance_id: str = "i") -> list[Event]:
        rows = self.hub.store.read(
            "select event from history where instance_id = ? order by seq", (instance_id,)
        )
        return [json.loads(row["event"]) for row in rows]

    def rows(self, *kinds: int, instance_id: str = "i") -> list[Event]:
        """Return the history rows of these kinds."""
        return [event for event in self.history(instance_id) if event["EventType"] in kinds]

    def ids(self, *kinds: int, instance_id: str = "i") -> list[int]:
        """Return the event ids of the history rows of these kinds."""
        return [event["EventId"] for event in self.rows(*kinds, instance_id=instance_id)]

    def told(self, event: str) -> list[Finding]:
        """Return what the divergence detector said under that name, each thing once."""
        return list({finding.key: finding for finding in self.findings if finding.event == event}.values())

    @property
    def now_s(self) -> float:
        return (self.clock.at - START).total_seconds()

    def ended_s(self, instance_id: str = "i") -> float:
        """Return when an ended instance ended, in seconds since the start."""
        instance = self.instance(instance_id)
        assert instance.status.is_terminal, f"{instance_id} is {instance.status}"
        return (instance.updated_at - START).total_seconds()

    def _settle(self) -> None:
        while True:
            waiting = self.hub.episodes.waiting()
            entities = self.hub.entities.waiting()
            for instance_id in waiting:
                self.step(instance_id)
            for entity_id in entities:
                self._entity_batch(entity_id)
            for work in self.lease():
                argument = _shown_argument(work)
                self.started.append(Started(self.now_s, work.name, argument))
                ends_at = self.clock.at + self._activity(work.name).duration(argument)
                heapq.heappush(self._running, (ends_at, work.seq, work))
            if not waiting and not entities:
                return

    def _end_due_activities(self) -> None:
        while self._running and self._running[0][0] <= self.clock.at:
            self.finish(heapq.heappop(self._running)[2])

    def _next_activity(self) -> datetime | None:
        return self._running[0][0] if self._running else None

    def _next_messages(self) -> tuple[datetime | None, datetime | None]:
        return self.hub.episodes.next_visible_at(), self.hub.entities.next_visible_at()

    def _entity_batch(self, entity_id: str) -> None:
        ticket = self.hub.entities.take(entity_id)
        if ticket is not None:
            self.hub.entities.commit(ticket, run_batch(ticket, self._entity_handles.get(ticket.name)))

    def _activity(self, name: str) -> Activity:
        return next(activity for known, activity in self.activities.items() if known.lower() == name.lower())

    def _outcome(self, work: ActivityWork) -> ActivityOutcome:
        try:
            value = self._activity(work.name).call(_argument(work))
            return ActivityOutcome(result=compact(json.loads(encode_activity_result(value))))
        except Exception as error:
            return failure_of(work.name, error)


def _argument(work: ActivityWork) -> Any:
    if work.name == HTTP_ACTIVITY:
        return json.loads(work.stored_input)[0]
    text = json.loads(work.stored_input)[0]
    return decode("activityTrigger", text, "string")


def _shown_argument(work: ActivityWork) -> Any:
    """Return an activity's input for the record, as text where the worker could not decode it."""
    try:
        return _argument(work)
    except ValueError:
        return work.stored_input


class FailsFirst:
    """An activity that raises on its first calls per input, then returns its input."""

    def __init__(self, failures: int = 1, only: Callable[[Any], bool] = lambda _: True) -> None:
        self.calls: dict[str, int] = {}
        self._failures = failures
        self._only = only

    def __call__(self, value: Any) -> Any:
        key = json.dumps(value)
        self.calls[key] = self.calls.get(key, 0) + 1
        if self._only(value) and self.calls[key] <= self._failures:
            raise ValueError(f"attempt {self.calls[key]} of {key}")
        return value
